// Topics and patterns, who has joined them, and the messages that are kept for those who join later. All of
// it is one thread's at a time. Knows connections by seat and handle; must not know queues or threads.
#pragma once

#include <set>

#include "expiry.h"
#include "patterns.h"
#include "record.h"

namespace wasmpoll {

class Topics {
 public:
  // How far the members that a message is for were looked at.
  struct Cursor {
    bool exact = true;
    uint64_t after = 0;
    Patterns::Cursor tree;
  };

  Topics(double bytes, int joins);
  ~Topics() { Clear(); }
  Topics(const Topics&) = delete;
  Topics& operator=(const Topics&) = delete;

  // Joins and messages have their numbers from one counter.
  uint64_t NextNumber() { return ++number_; }
  uint64_t HashOf(std::string_view topic) const { return Hash(key_, topic); }
  // Milliseconds, by which what is kept is over.
  void SetTime(double now) { now_ = now; }

  // Whether a JOIN or a retained PUBLISH is within all bounds; `joins` more are on their way.
  bool Fits(const Record& record, int seat, int joins);
  // The number of this join, whether it is a new one or not. `*kept`: something may be kept for it.
  uint64_t Join(int seat, const Record& record, bool* kept);
  void Leave(int seat, const Record& record);
  void LeaveAll(int seat, int handle);
  // Who is not in `stays` leaves.
  template <typename Stays>
  void LeaveBut(int seat, Stays stays);
  // Keeps a message in place of the one before, or just deletes that. 0 milliseconds are for ever.
  void Keep(const Ref<Message>& message, uint64_t number, uint32_t ttl);
  void Clear();

  // Those who have joined exactly this topic; null if there are none.
  Group* Exact(const Message& message) const { return Find(message.hash, message.topic()); }
  bool HasPatterns(int seat) const;
  bool HasShares() const { return !shares_.empty(); }
  bool HasMembers(int seat) const { return !HandlesOf(seat).empty(); }
  bool IsMember(int seat, int handle) const { return Find(seat, handle) != nullptr; }
  // Go on from the cursor; true at the end.
  bool Collect(const Message& message, int seat, Cursor* cursor, Recipients* recipients);
  // All connections with a membership, in the order of their handles.
  bool CollectAll(int seat, int64_t* after, Recipients* recipients) const;
  // The first message that is kept for a member, and has a number above `*after` and below that of his
  // join, which is his last one. `text` is what he has joined. Null if there is none, or with
  // `*more` if the budget is spent.
  Ref<Message> NextKept(int seat, int handle, std::string_view text, bool pattern, uint64_t join,
                        uint64_t* after, Recipients* recipients, bool* more);

  size_t CountKept() const { return kept_.size() - unkept_; }
  void Count(double* columns) const;

 private:
  struct Topic : Group {
    Topic() : Group(false) {}

    Topic* next = nullptr;
    uint64_t hash = 0;
    Ref<Message> kept;
    uint64_t kept_number = 0;
    // Of what is kept: when it is over, and its place among the others.
    double expires = 0;
    size_t place = 0;
    std::string name;
  };
  struct Membership {
    Group* group;
    // Null if it is not shared.
    Share* share;
    // The member's number in the group, and that of the last join.
    uint64_t number;
    uint64_t joined;
  };
  struct Connection {
    Connection* next = nullptr;
    uint64_t hash = 0;
    int seat = 0;
    int handle = 0;
    // Sorted by the addresses of the group and the share.
    std::vector<Membership> memberships;
    // What they would be charged if they were all there is.
    uint64_t charge = 0;
  };
  struct Kept {
    uint64_t number;
    // Null if the message was replaced or deleted.
    Topic* topic;
  };
  // What each seat has here.
  struct Seat {
    std::set<int32_t> handles;
    // How many memberships are patterns.
    size_t patterns = 0;
  };

  static uint64_t HashOf(int seat, int handle) {
    return Mix(uint64_t{static_cast<uint32_t>(seat)} << 32 | static_cast<uint32_t>(handle));
  }
  static uint32_t ChargeOf(std::string_view text, bool pattern);
  static uint32_t ChargeOfShare(std::string_view name);
  static uint32_t ChargeOfMember(bool shared) { return kChargeMember * (shared ? 2 : 1); }
  // What a JOIN adds.
  uint32_t ChargeOf(const Record& join, const Group* group, const Share* share) const;
  // What a membership is charged if it is the only one.
  static uint32_t ChargeAlone(const Membership& membership);
  bool FitsNow(const Record& record, int seat, int joins);
  bool FitsJoin(const Record& record, int seat, int joins);
  bool FitsKept(const Record& record) const;
  bool IsOver(const Topic& topic) const { return topic.expires != 0 && topic.expires <= now_; }
  void Sweep(int most);
  Topic* Find(uint64_t hash, std::string_view name) const;
  Topic* FindOrAdd(uint64_t hash, std::string_view name);
  Group* FindGroup(std::string_view text, bool pattern);
  Connection* Find(int seat, int handle) const;
  static std::vector<Membership>::iterator PlaceOf(std::vector<Membership>* all, const Group* group,
                                                   const Share* share);
  static Membership* Find(Connection* connection, const Group* group, const Share* share);
  // Null if it has no name, or if there is none.
  Share* FindShare(const Group* group, std::string_view name) const;
  const std::set<int32_t>& HandlesOf(int seat) const;
  Seat& At(int seat);
  Ref<Message> NextMatching(std::string_view pattern, uint64_t before, uint64_t* after,
                            int* budget) const;
  void RemoveMember(int seat, const Membership& membership);
  void LeaveShare(const Membership& membership);
  void RemoveConnection(Connection* connection);
  void Prune(Topic* topic);
  void Unkeep(Topic* topic);

  // How many that are over a join or a retained message takes along, and go when room is wanted.
  static constexpr int kSwept = 16;
  static constexpr int kSweptForRoom = 64;

  const HashKey key_ = HashKey::Random();
  const double limit_;
  const size_t most_joins_;
  uint64_t number_ = 0;
  Table<Topic> topics_;
  Patterns patterns_{key_};
  Table<Connection> connections_;
  Shares shares_{key_};
  std::vector<Seat> seats_;
  // In the order of numbers; those that are gone go when they are more than half.
  std::vector<Kept> kept_;
  size_t unkept_ = 0;
  Expiry<Topic> expiry_;
  double now_ = 0;
  size_t members_ = 0;
  // Topics and patterns with members.
  size_t joined_ = 0;
  // As host/shared/records.ts says: all, and retained messages.
  uint64_t bytes_ = 0;
  uint64_t kept_bytes_ = 0;
};

template <typename Stays>
void Topics::LeaveBut(int seat, Stays stays) {
  // A copy, since leaving changes it.
  for (const int32_t handle : std::vector<int32_t>(HandlesOf(seat).begin(), HandlesOf(seat).end())) {
    if (!stays(handle)) LeaveAll(seat, handle);
  }
}

}  // namespace wasmpoll
