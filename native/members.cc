// Lists of members: appended at the end, found by binary search, walked from any number on.
#include "members.h"

#include <algorithm>

#include "record.h"

namespace wasmpoll {

bool Recipients::Full() const { return count == kEntries; }

void Recipients::Add(int32_t handle, int32_t tag) {
  int32_t* const entry = entries + ptrdiff_t{count++} * kEntry;
  entry[kEntryHandle] = handle;
  entry[kEntryTag] = tag;
}

void Recipients::Offer(int seat, const Member& member) {
  if (message != nullptr && message->Excludes(seat, member.handle)) return;
  if (message != nullptr && member.share != nullptr) {
    const Share::For whom = member.share->Ask(member.number, before, settled);
    if (whom == Share::For::kForgotten) forgotten.push_back(member.handle);
    if (whom != Share::For::kThis) return;
  }
  Add(member.handle, member.tag);
}

Member* MemberList::Find(uint64_t number) {
  const auto found = std::lower_bound(
      members_.begin(), members_.end(), number,
      [](const Member& member, uint64_t wanted) { return NumberOf(member) < wanted; });
  return found == members_.end() || found->number != number ? nullptr : &*found;
}

bool MemberList::Remove(uint64_t number) {
  Member* const member = Find(number);
  if (member == nullptr) return false;
  member->number |= kDead;
  if (++dead_ * 2 <= members_.size()) return true;
  std::erase_if(members_, [](const Member& one) { return (one.number & kDead) != 0; });
  members_.shrink_to_fit();
  dead_ = 0;
  return true;
}

bool MemberList::Collect(int seat, uint64_t* after, Recipients* recipients) const {
  auto at = members_.begin();
  if (*after != 0) {
    at = std::upper_bound(
        members_.begin(), members_.end(), *after,
        [](uint64_t last, const Member& member) { return last < NumberOf(member); });
  }
  for (; at != members_.end(); ++at) {
    const uint64_t number = NumberOf(*at);
    if (number >= recipients->before) return true;
    if (recipients->Full() || recipients->budget <= 0) return false;
    --recipients->budget;
    *after = number;
    if (at->number == number) recipients->Offer(seat, *at);
  }
  return true;
}

MemberList* Group::At(int seat) {
  for (Seat& one : seats_) {
    if (one.seat == seat) return &one.list;
  }
  return nullptr;
}

void Group::Append(int seat, const Member& member) {
  MemberList* list = At(seat);
  if (list == nullptr) {
    seats_.reserve(seats_.size() + 1);
    list = &seats_.emplace_back(Seat{seat, {}}).list;
  }
  list->Append(member);
}

void Group::Remove(int seat, uint64_t number) {
  MemberList* const list = At(seat);
  if (list == nullptr || !list->Remove(number) || !list->empty()) return;
  std::erase_if(seats_, [seat](const Seat& one) { return one.seat == seat; });
  seats_.shrink_to_fit();
}

}  // namespace wasmpoll
