// A seat: the queues of one user of shared state, how far he has come, and the block that he was given last,
// which a successor may go on with. Knows what a block says; must not know topics.
#pragma once

#include "queue.h"
#include "topics.h"
#include "wake.h"

namespace wasmpoll {

// Where a block goes: its words, and its bytes.
struct Target {
  int32_t* block;
  char* bytes;
  size_t length;
};

// What was found for a block of messages.
struct Found {
  int kind = 0;
  int flags = 0;
  Ref<Message> message;
};

// The bytes of a block, which can be written more than once. One thread at a time.
class Present {
 public:
  // Forgets the block, and writes an empty one.
  void Clear(int32_t* block);
  void Set(const Found& found, int count, const Target& target);
  // What is in `replies` or `records`, with so many bytes.
  void SetReplies(size_t bytes, const Target& target);
  void SetRecords(size_t bytes, const Target& target);
  // Only with room for `length()`.
  void Write(char* to) const;
  size_t length() const { return length_; }
  // The block becomes one of BLOCK_MISSED. True if its message is now poison and was not before.
  bool Poison(int32_t* block);

  // Those of the block. Kept, so that they are not allocated each time.
  std::vector<Reply> replies;
  std::vector<Ref<Message>> records;

 private:
  void Head(const Target& target, int kind, int count, int flags, size_t topic, size_t data);

  Ref<Message> message_;
  size_t length_ = 0;
};

// Counts the replies of a block, from its position on, by handle.
void CountUnserved(const int32_t* block, std::unordered_map<int32_t, int>* unserved);

struct Seat {
  Seat(int seat, double bytes, std::shared_ptr<Wake> rung)
      : number(seat), waiting(bytes), wake(std::move(rung)) {}

  const int number;
  Waiting waiting;
  ReplyQueue replies{&waiting};

  // Under the state's lock.
  MessageQueue messages{&waiting};
  RecordQueue records{&waiting};
  // How far the front message has come.
  Topics::Cursor cursor;
  int64_t told = INT64_MIN;
  std::shared_ptr<Wake> wake;

  std::atomic<bool> closed{false};
  // It was rung or told, and has not found its queues empty since.
  std::atomic<bool> signalled{false};

  // Held by whoever takes. A thread that has ended may still be in its last call when the next one begins.
  std::mutex taking;
  Present present;
  // The queue that is looked at first: 0 is replies, then messages, then records.
  int turn = 0;
};

}  // namespace wasmpoll
