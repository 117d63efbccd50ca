// Shares: members of whom one is given each message, in turn; and whom it was, as long as a seat has not come to
// that message. Knows joins and messages by their numbers; must not know topics, seats or connections.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hash.h"
#include "table.h"

namespace wasmpoll {

class Group;
class Shares;

// Those who have joined one pattern under one name.
class Share {
 public:
  enum class For : uint8_t {
    kThis,
    kAnother,
    // It is no longer known: the seat is too far behind.
    kForgotten,
  };

  Share(Shares* all, const Group* joined, std::string_view text)
      : group(joined), name(text), all_(all) {}

  // The table's.
  Share* next = nullptr;
  uint64_t hash = 0;
  const Group* const group;
  const std::string name;

  bool empty() const { return members_.empty(); }
  // Its number is greater than all before.
  void Append(uint64_t member) { members_.insert(members_.end(), member); }
  void Remove(uint64_t member) { members_.erase(member); }
  // Whom a message is for: the first look at it chooses, of those who have joined before. All seats have done
  // with messages up to `settled`.
  For Ask(uint64_t member, uint64_t message, uint64_t settled);

 private:
  friend class Shares;

  struct Choice {
    uint64_t message;
    uint64_t member;
  };

  std::vector<Choice>::iterator PlaceOf(uint64_t message);
  uint64_t Next(uint64_t before);
  void Settle(uint64_t settled);
  void Forget();

  Shares* const all_;
  std::set<uint64_t> members_;
  // Who was chosen last.
  uint64_t last_ = 0;
  // In the order of messages; those before `first_` are settled.
  std::vector<Choice> choices_;
  size_t first_ = 0;
  // Up to this message choices were thrown away.
  uint64_t forgotten_ = 0;
  // Those with choices, by when the latest was made.
  Share* older_ = nullptr;
  Share* newer_ = nullptr;
};

class Shares {
 public:
  // All that may be remembered, of all shares; with what allocation adds, 32 MiB at most. A seat stays behind
  // by so many only if its thread is stuck. Members there are told then that they may have missed something.
  static constexpr size_t kChoices = size_t{1} << 18;

  explicit Shares(const HashKey& key) : key_(key) {}
  ~Shares() { Clear(); }
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  bool empty() const { return table_.size() == 0; }
  // Null if there is none.
  Share* Find(const Group* group, std::string_view name) const;
  Share* Add(const Group* group, std::string_view name);
  void Remove(Share* share);
  void Clear();

 private:
  friend class Share;

  // One more choice is made in this share.
  void Enter(Share* share, uint64_t settled);
  void Drop(Share* share, size_t choices);
  void Unlink(Share* share);
  uint64_t HashOf(const Group* group, std::string_view name) const;

  const HashKey key_;
  Table<Share> table_;
  size_t choices_ = 0;
  Share* oldest_ = nullptr;
  Share* newest_ = nullptr;
};

}  // namespace wasmpoll
