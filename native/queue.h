// What waits for one seat: messages, replies, and records, in a queue each, with one account of their bytes.
// Knows what is left out when there is no room; must not know who the members are.
#pragma once

#include <deque>
#include <mutex>
#include <unordered_map>

#include "message.h"
#include "store.h"

namespace wasmpoll {

// What a seat's queues hold together, as host/shared/records.ts charges it.
class Waiting {
 public:
  explicit Waiting(double limit) : limit_(limit) {}
  bool Fits(size_t bytes, int times = 1) const {
    return static_cast<double>(this->bytes() + bytes) <= limit_ * times;
  }
  void Add(size_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void Subtract(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  const double limit_;
  std::atomic<size_t> bytes_{0};
};

// A queue that can be asked without its lock whether it is empty: the answer may be out of date by then.
template <typename T>
class Line {
 public:
  bool SeemsEmpty() const { return size_.load(std::memory_order_relaxed) == 0; }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  T& front() { return items_.front(); }
  T& back() { return items_.back(); }
  void Push(T item) {
    items_.push_back(std::move(item));
    size_.store(items_.size(), std::memory_order_relaxed);
  }
  void Pop() {
    items_.pop_front();
    size_.store(items_.size(), std::memory_order_relaxed);
  }
  void Clear() {
    items_ = {};
    size_.store(0, std::memory_order_relaxed);
  }

 private:
  std::deque<T> items_;
  std::atomic<size_t> size_{0};
};

enum class Waits : uint8_t {
  // For all who have joined its topic.
  kMessage,
  kDirect,
  // What is kept, for one who has joined the topic of `message`, or the pattern in it.
  kKept,
  kKeptPattern,
  // Messages to the topic of `message` were left out.
  kGap,
  // Messages were left out for one connection, or for all.
  kGapForOne,
  kGapForAll,
};

// What it means is in its kind.
struct Item {
  Waits kind;
  int32_t handle = 0;
  // Members who have joined before it are meant. Of kKept: the join.
  uint64_t number = 0;
  Ref<Message> message;
  // Of kKept: the number of the last one that was looked at.
  uint64_t after = 0;

  size_t charge() const { return kChargeEntry + (message ? message->length() : 0); }
};

// Belongs to whoever holds the lock of all topics.
class MessageQueue {
 public:
  explicit MessageQueue(Waiting* waiting) : waiting_(waiting) {}

  bool SeemsEmpty() const { return items_.SeemsEmpty(); }
  bool empty() const { return items_.empty(); }
  Item& front() { return items_.front(); }
  void Pop();
  // The front item goes behind all others.
  void Rotate();
  // False if it does not fit, and nothing has changed.
  bool Push(Item item);
  // Notes that messages to this topic, to this connection, or to anybody were left out.
  void PushGap(const Message& message, uint64_t number);
  void PushGapFor(int32_t handle);
  void PushGapForAll();
  // The front item was given to some: what is left out later is news to them.
  void Start() { started_ = true; }
  // True once for each front item, and again if more was added to it: it is to be looked at from its start.
  bool Fresh() { return std::exchange(fresh_, false); }
  // The number of the last message that was taken from here; all, if none waits.
  uint64_t Settled() const { return published_ == 0 ? UINT64_MAX : done_; }
  void Clear();

 private:
  void Append(Item item);
  void AppendGap(Item item);
  bool Merge(const Item& gap);

  Waiting* const waiting_;
  Line<Item> items_;
  bool started_ = false;
  bool fresh_ = true;
  // Items of kMessage, and the number of the last one that is gone.
  size_t published_ = 0;
  uint64_t done_ = 0;
};

// Records for the seat that sees to them. Belongs to whoever holds the lock of all topics.
class RecordQueue {
 public:
  explicit RecordQueue(Waiting* waiting) : waiting_(waiting) {}

  bool SeemsEmpty() const { return records_.SeemsEmpty(); }
  bool empty() const { return records_.empty(); }
  const Message& front() { return *records_.front().record.get(); }
  Ref<Message> Pop();
  // A store record of this seat, which is never left out.
  void Push(const Record& record, int seat);
  // What was published. False if it is left out, for which one OP_GAP stands in its place.
  bool PushIfFits(const Record& record, int seat);
  void Clear();

 private:
  struct Item {
    Ref<Message> record;
    size_t charge;
    bool gap;
  };

  Waiting* const waiting_;
  Line<Item> records_;
};

// Has a lock of its own.
class ReplyQueue {
 public:
  explicit ReplyQueue(Waiting* waiting) : waiting_(waiting) {}

  bool SeemsEmpty() const { return replies_.SeemsEmpty(); }
  bool IsEmpty();
  // A request whose reply comes later.
  void Expect(int32_t handle);
  // Replies to requests that were not expected, but for those of nobody. They are moved away. False if there
  // were none.
  bool Push(Reply* replies, size_t count);
  // The reply to one that was expected. False if it was not.
  bool Answer(Reply reply);
  // Takes replies whose bytes fit into `length` together, each at a multiple of 8, and writes their entries;
  // at most kEntries. Returns how many bytes they have. `*more`: those of connections that are over were
  // dropped, and more wait.
  size_t Take(std::vector<Reply>* replies, int32_t* entries, size_t length, bool* more);
  // The connection is over.
  void Drop(int32_t handle);
  // The connections for which `stays` is false are over.
  template <typename Stays>
  void DropBut(Stays stays);
  int Pending(int32_t handle);
  size_t Pending();
  // Drops all, and whatever comes.
  void Close();

 private:
  void Append(Reply reply);
  static size_t ChargeOf(const Reply& reply) { return kChargeEntry + reply.length; }

  Waiting* const waiting_;
  std::mutex lock_;
  Line<Reply> replies_;
  // Requests without a reply, or with one that waits, of each connection.
  std::unordered_map<int32_t, int> requests_;
  size_t pending_ = 0;
  bool closed_ = false;
};

template <typename Stays>
void ReplyQueue::DropBut(Stays stays) {
  const std::lock_guard<std::mutex> guard(lock_);
  std::erase_if(requests_, [&](const auto& one) {
    if (stays(one.first)) return false;
    pending_ -= one.second;
    return true;
  });
}

}  // namespace wasmpoll
