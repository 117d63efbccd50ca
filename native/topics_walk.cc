// Whom a message is for: walks that stop when their budget is spent and go on later, whatever has changed
// meanwhile.
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

void Topics::Count(double* columns) const {
  columns[kCountTopics] = static_cast<double>(joined_);
  columns[kCountMembers] = static_cast<double>(members_);
  columns[kCountRetained] = static_cast<double>(kept_.size() - unkept_);
  columns[kCountGroupBytes] = static_cast<double>(bytes_);
}

}  // namespace wasmpoll
