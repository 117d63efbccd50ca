// What is kept for those who join later: until it is replaced, deleted or over, and how it is found.
#include <algorithm>

#include "topics.h"

namespace wasmpoll {
namespace {

// Of all that there is room for, what retained messages may take: the rest is for who joins.
constexpr double kKeptShare = 0.75;

}  // namespace

bool Topics::FitsKept(const Record& record) const {
  auto charge = static_cast<double>(kChargeRetained + record.first.size() + record.second.size());
  const Topic* const topic = Find(HashOf(record.first), record.first);
  if (topic != nullptr && topic->kept) {
    charge -= static_cast<double>(kChargeRetained + topic->kept->length());
  }
  return charge <= 0 || (static_cast<double>(bytes_) + charge <= limit_ &&
                         static_cast<double>(kept_bytes_) + charge <= limit_ * kKeptShare);
}

void Topics::Sweep(int most) {
  for (int swept = 0; swept < most; ++swept) {
    Topic* const first = expiry_.First();
    if (first == nullptr || !IsOver(*first)) return;
    Unkeep(first);
    Prune(first);
  }
}

void Topics::Unkeep(Topic* topic) {
  if (!topic->kept) return;
  const uint64_t charge = kChargeRetained + topic->kept->length();
  bytes_ -= charge;
  kept_bytes_ -= charge;
  topic->kept = {};
  expiry_.Set(topic, 0);
  const auto found = std::lower_bound(
      kept_.begin(), kept_.end(), topic->kept_number,
      [](const Kept& kept, uint64_t number) { return kept.number < number; });
  found->topic = nullptr;
  if (++unkept_ * 2 <= kept_.size()) return;
  std::erase_if(kept_, [](const Kept& kept) { return kept.topic == nullptr; });
  kept_.shrink_to_fit();
  unkept_ = 0;
}

void Topics::Keep(const Ref<Message>& message, uint64_t number, uint32_t ttl) {
  Sweep(kSwept);
  if (message->data_length == 0) {
    Topic* const topic = Find(message->hash, message->topic());
    if (topic == nullptr) return;
    Unkeep(topic);
    return Prune(topic);
  }
  Topic* const topic = FindOrAdd(message->hash, message->topic());
  Unkeep(topic);
  topic->kept = message;
  topic->kept_number = number;
  expiry_.Set(topic, ttl == 0 ? 0 : now_ + ttl);
  kept_.push_back({number, topic});
  const uint64_t charge = kChargeRetained + message->length();
  bytes_ += charge;
  kept_bytes_ += charge;
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
    const bool next = topic->kept_number > *after && topic->kept_number < join;
    if (topic->kept && next && !IsOver(*topic)) found = topic->kept;
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
    if (at->topic == nullptr || IsOver(*at->topic)) continue;
    const std::string& name = at->topic->name;
    // Both are read through, so long ones count for more.
    *budget -= static_cast<int>(std::min(pattern.size(), name.size()) / 32);
    if (Matches(pattern, name)) return at->topic->kept;
  }
  *after = before;
  return {};
}

}  // namespace wasmpoll
