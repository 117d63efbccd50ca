// Who has joined something: for each seat a list in the order of joining. Knows joins by their numbers;
// must not know topics, patterns or connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "message.h"
#include "shares.h"

namespace wasmpoll {

struct Member {
  // Of the join; the lists are sorted by it.
  uint64_t number;
  int32_t handle;
  int32_t tag;
  // Null if all messages are for it.
  Share* share = nullptr;
};

// Where a call puts the members that it finds, and how much it may still look at.
struct Recipients {
  // Room for ENTRIES entries.
  int32_t* entries;
  int count = 0;
  int budget;
  // Only who has joined before. Of a message: its number.
  uint64_t before = 0;
  // All seats have done with messages up to this one.
  uint64_t settled = 0;
  // Who is left out; null for nobody.
  const Message* message = nullptr;
  // Who may have missed it: nobody knows any more whom it was for.
  std::vector<int32_t> forgotten = {};

  bool Full() const;
  void Add(int32_t handle, int32_t tag);
  // Adds the member if what is given out is for it.
  void Offer(int seat, const Member& member);
};

class MemberList {
 public:
  bool empty() const { return members_.size() == dead_; }
  // Its number is greater than all before.
  void Append(const Member& member) { members_.push_back(member); }
  bool Remove(uint64_t number);
  Member* Find(uint64_t number);
  // Goes on behind `*after`, and moves it. True when all who are meant were looked at.
  bool Collect(int seat, uint64_t* after, Recipients* recipients) const;

 private:
  // In the number of one who has left. They go when they are more than half: the others move seldom, and
  // positions are numbers, which that does not change.
  static constexpr uint64_t kDead = uint64_t{1} << 63;
  static uint64_t NumberOf(const Member& member) { return member.number & ~kDead; }

  std::vector<Member> members_;
  size_t dead_ = 0;
};

// All members of a topic or pattern.
class Group {
 public:
  struct Seat {
    int seat;
    MemberList list;
  };

  explicit Group(bool is_pattern) : pattern(is_pattern) {}

  const bool pattern;
  // The caller's own: what it counts for while it has members.
  uint32_t charge = 0;

  bool empty() const { return seats_.empty(); }
  MemberList* At(int seat);
  void Append(int seat, const Member& member);
  void Remove(int seat, uint64_t number);

 private:
  std::vector<Seat> seats_;
};

}  // namespace wasmpoll
