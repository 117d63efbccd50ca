// Whom a message is for, and which kept messages are for a member: walks that stop when their budget is
// spent and go on later, whatever has changed meanwhile.
#include <algorithm>

#include "topics.h"

namespace wasmpoll {

const std::set<int32_t>& Topics::HandlesOf(int seat) const {
  static const std::set<int32_t>& none = *new std::set<int32_t>;
  return static_cast<size_t>(seat) < seats_.size() ? seats_[seat].handles : none;
}

bool Topics::HasPatterns(int seat) const {
  return static_cast<size_t>(seat) < seats_.size() && seats_[seat].patterns > 0;
}

bool Topics::Collect(const Message& message, int seat, Cursor* cursor, Recipients* recipients) {
  if (cursor->exact) {
    Group* const exact = Exact(message);
    MemberList* const list = exact == nullptr ? nullptr : exact->At(seat);
    if (list != nullptr && !list->Collect(seat, &cursor->after, recipients)) return false;
    cursor->exact = false;
    patterns_.Begin(&cursor->tree);
  }
  if (!HasPatterns(seat)) return true;
  return patterns_.Collect(message.topic(), seat, &cursor->tree, recipients);
}

bool Topics::CollectAll(int seat, int64_t* after, Recipients* recipients) const {
  const std::set<int32_t>& handles = HandlesOf(seat);
  auto at = *after < INT32_MIN ? handles.begin() : handles.upper_bound(static_cast<int32_t>(*after));
  for (; at != handles.end(); ++at) {
    if (recipients->Full()) return false;
    recipients->Add(*at, 0);
    *after = *at;
  }
  return true;
}

Ref<Message> Topics::NextKept(int seat, int handle, std::string_view text, bool pattern,
                              uint64_t join, uint64_t* after, Recipients* recipients, bool* more) {
  *more = false;
  Group* const group = FindGroup(text, pattern);
  Connection* const connection = Find(seat, handle);
  if (group == nullptr || connection == nullptr) return {};
  const Membership* const membership = Find(connection, group, nullptr);
  if (membership == nullptr || membership->joined != join) return {};
  Ref<Message> found;
  if (pattern) {
    found = NextMatching(text, join, after, &recipients->budget);
    *more = !found && *after != join;
  } else {
    const Topic* const topic = static_cast<Topic*>(group);
    if (topic->kept && topic->kept_number > *after && topic->kept_number < join) found = topic->kept;
    if (found) *after = topic->kept_number;
  }
  if (found) recipients->Add(handle, group->At(seat)->Find(membership->number)->tag);
  return found;
}

// At the end `*after` is `before`, which has no message.
Ref<Message> Topics::NextMatching(std::string_view pattern, uint64_t before, uint64_t* after,
                                  int* budget) const {
  auto at = std::upper_bound(
      kept_.begin(), kept_.end(), *after,
      [](uint64_t last, const Kept& kept) { return last < kept.number; });
  for (; at != kept_.end() && at->number < before; ++at) {
    if (*budget <= 0) return {};
    *after = at->number;
    --*budget;
    if (at->topic == nullptr) continue;
    const std::string& name = at->topic->name;
    // Both are read through, so long ones count for more.
    *budget -= static_cast<int>(std::min(pattern.size(), name.size()) / 32);
    if (Matches(pattern, name)) return at->topic->kept;
  }
  *after = before;
  return {};
}

void Topics::Count(double* columns) const {
  columns[kCountTopics] = static_cast<double>(joined_);
  columns[kCountMembers] = static_cast<double>(members_);
  columns[kCountRetained] = static_cast<double>(kept_.size() - unkept_);
  columns[kCountGroupBytes] = static_cast<double>(bytes_);
}

}  // namespace wasmpoll
