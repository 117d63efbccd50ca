// What the threads of one server share: topics and keys, and the seats of those who use them. Each call is
// done whole, and holds no lock when it rings somebody. Knows locks; must not know JavaScript.
#pragma once

#include "seat.h"

namespace wasmpoll {

class State {
 public:
  struct Limits {
    double group_bytes;
    double queue_bytes;
    double store_bytes;
    int joins;
  };
  // What a commit needs; kept, so that it is not allocated each time.
  struct Scratch {
    std::vector<Record> records;
    std::vector<Reply> replies;
  };

  explicit State(const Limits& limits);

  // False if the seat is open already. The eventfd is the seat's from here on; −1 for none.
  bool Open(int seat, int fd, Wake::Close close);
  void Close(int seat);
  // Null if it is not open.
  std::shared_ptr<Seat> At(int seat);
  void RouteStore(int seat) { store_route_ = seat; }
  void RoutePublishes(int seat) { publish_route_ = seat; }
  void Answer(int seat, int handle, int tag, int status, std::string_view bytes);
  void Count(double* columns);
  // How many messages are kept.
  double Retained();
  // Closes all seats, and gives everything back.
  void Release();

  // A status.
  int Check(const Seat& seat, const Record& record, int joins);
  // kCommitted… bits.
  int Commit(Seat& seat, Scratch* scratch, double now);
  // Entries, 0, kTakeMore, or kTakeTooLong.
  int Take(Seat& seat, const Target& target, double now);
  // Writes the bytes of the present block if there is room for them. Returns how many they are.
  static size_t Again(Seat& seat, char* bytes, size_t room);
  void Poison(Seat& seat, int32_t* block);
  void LeaveAll(Seat& seat, int handle);
  // `pending[i]` is that of `handles[i]`; `block` is the present one.
  void Adopt(Seat& seat, const std::vector<int32_t>& handles, const int32_t* block,
             int32_t* pending);

  static constexpr int kTakeMore = -1;
  // A record is longer than the target.
  static constexpr int kTakeTooLong = -2;

 private:
  // One commit: whose it is, and what comes of it.
  struct Step {
    Seat& seat;
    int route;
    Scratch* scratch;
    int result = 0;
    Wakes wakes;
  };

  Ref<Message> MessageOf(const Record& record, int seat) const;
  void PerformAll(Step* step);
  void Perform(Step* step, const Record& record);
  void Join(Step* step, const Record& record);
  void Publish(Step* step, const Record& record);
  void Direct(Step* step, const Record& record);
  void Gap(Step* step);
  void Route(Step* step, const Record& record);
  // Something was put into the seat's queues.
  static void Notify(Step* step, Seat* seat);
  Seat* Opened(int seat) const;
  // What the seat was rung by, to be let go of once the lock is released.
  std::shared_ptr<Wake> CloseLocked(int seat);

  bool IsIdle(Seat& seat);
  int TakeReplies(Seat& seat, const Target& target);
  int TakeMessages(Seat& seat, const Target& target, double now);
  int TakeRecords(Seat& seat, const Target& target);
  // The number of the last message that no seat has to look at any more.
  uint64_t Settled() const;
  // Whom the front item is for; `*stays` if it has to be looked at again.
  void Find(Seat& seat, Item& item, Recipients* recipients, Found* found, bool* stays);

  const Limits limits_;
  Store store_;
  std::atomic<int> store_route_{-1};
  std::atomic<int> publish_route_{-1};

  // Of the topics, the table of seats, and their queues of messages and records.
  std::mutex lock_;
  Topics topics_;
  std::vector<std::shared_ptr<Seat>> seats_;
  uint64_t published_ = 0;
  uint64_t left_out_ = 0;

  std::atomic<uint64_t> delivered_{0};
  std::atomic<uint64_t> missed_{0};
  std::atomic<uint64_t> poisoned_{0};
};

}  // namespace wasmpoll
