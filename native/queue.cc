// What is done when a queue is full: messages leave a note of themselves, values leave their status.
#include "queue.h"

namespace wasmpoll {
namespace {

void WriteEntry(const Reply& reply, size_t offset, int32_t* entry) {
  entry[kEntryHandle] = reply.handle;
  entry[kEntryTag] = reply.tag;
  entry[kEntryStatus] = reply.status;
  entry[kEntryOffset] = reply.length == 0 ? 0 : static_cast<int32_t>(offset);
  entry[kEntryLength] = static_cast<int32_t>(reply.length);
}

}  // namespace

void MessageQueue::Append(Item item) {
  waiting_->Add(item.charge());
  if (item.kind == Waits::kMessage) ++published_;
  items_.Push(std::move(item));
}

void MessageQueue::Pop() {
  const Item& front = items_.front();
  waiting_->Subtract(front.charge());
  if (front.kind == Waits::kMessage) {
    --published_;
    done_ = front.number;
  }
  items_.Pop();
  started_ = false;
  fresh_ = true;
}

void MessageQueue::Rotate() {
  Item item = std::move(items_.front());
  items_.Pop();
  items_.Push(std::move(item));
  started_ = false;
  fresh_ = true;
}

bool MessageQueue::Push(Item item) {
  if (!waiting_->Fits(item.charge())) return false;
  Append(std::move(item));
  return true;
}

// Into the gap at the end, unless some were told of it already.
bool MessageQueue::Merge(const Item& gap) {
  if (items_.empty() || (items_.size() == 1 && started_)) return false;
  Item& last = items_.back();
  if (last.kind == Waits::kGapForAll) return true;
  if (last.kind != gap.kind || last.handle != gap.handle) return false;
  if (gap.kind == Waits::kGap) {
    if (last.message->topic() != gap.message->topic()) return false;
    last.number = gap.number;
    if (items_.size() == 1) fresh_ = true;
  }
  return true;
}

void MessageQueue::AppendGap(Item gap) {
  if (Merge(gap)) return;
  // The notes have as much room again as the messages.
  if (waiting_->Fits(gap.charge(), 2)) return Append(std::move(gap));
  Append({Waits::kGapForAll, 0, 0, {}});
}

void MessageQueue::PushGap(const Message& message, uint64_t number) {
  Item gap{Waits::kGap, 0, number, Message::Make(message.topic(), {})};
  gap.message->hash = message.hash;
  AppendGap(std::move(gap));
}

void MessageQueue::PushGapFor(int32_t handle) { AppendGap({Waits::kGapForOne, handle, 0, {}}); }

void MessageQueue::PushGapForAll() {
  Item gap{Waits::kGapForAll, 0, 0, {}};
  if (!Merge(gap)) Append(std::move(gap));
}

void MessageQueue::Clear() {
  while (!items_.empty()) Pop();
  items_.Clear();
}

void RecordQueue::Push(const Record& record, int seat) {
  const size_t charge = kChargeEntry + record.first.size() + record.second.size();
  waiting_->Add(charge);
  records_.Push({CopyRecord(record, seat), charge, false});
}

bool RecordQueue::PushIfFits(const Record& record, int seat) {
  if (waiting_->Fits(kChargeEntry + record.first.size() + record.second.size())) {
    Push(record, seat);
    return true;
  }
  if (!records_.empty() && records_.back().gap) return false;
  static constexpr char kBare[kRecord * sizeof(int32_t)] = {};
  Record gap{};
  gap.op = kOpGap;
  gap.whole = {kBare, sizeof kBare};
  waiting_->Add(kChargeEntry);
  records_.Push({CopyRecord(gap, seat), kChargeEntry, true});
  return false;
}

Ref<Message> RecordQueue::Pop() {
  waiting_->Subtract(records_.front().charge);
  Ref<Message> record = std::move(records_.front().record);
  records_.Pop();
  return record;
}

void RecordQueue::Clear() {
  while (!records_.empty()) Pop();
  records_.Clear();
}

void ReplyQueue::Append(Reply reply) {
  if (reply.length > kReplyAlways && !waiting_->Fits(ChargeOf(reply))) reply.Limit();
  waiting_->Add(ChargeOf(reply));
  replies_.Push(std::move(reply));
}

void ReplyQueue::Expect(int32_t handle) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (closed_) return;
  ++requests_[handle];
  ++pending_;
}

bool ReplyQueue::Push(Reply* replies, size_t count) {
  const std::lock_guard<std::mutex> guard(lock_);
  const size_t before = pending_;
  // Those of one commit mostly have one handle.
  int32_t handle = 0;
  int* requests = nullptr;
  for (Reply* reply = replies; reply != replies + count && !closed_; ++reply) {
    if (reply->handle == 0) continue;
    if (reply->handle != handle) {
      handle = reply->handle;
      requests = &requests_[handle];
    }
    ++*requests;
    ++pending_;
    Append(std::move(*reply));
  }
  return pending_ != before;
}

bool ReplyQueue::Answer(Reply reply) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (!requests_.contains(reply.handle)) return false;
  Append(std::move(reply));
  return true;
}

size_t ReplyQueue::Take(std::vector<Reply>* replies, int32_t* entries, size_t length, bool* more) {
  const std::lock_guard<std::mutex> guard(lock_);
  size_t used = 0;
  size_t charged = 0;
  int steps = kTakeSteps;
  auto requests = requests_.end();
  while (!replies_.empty() && replies->size() < kEntries && steps > 0) {
    Reply& reply = replies_.front();
    const size_t offset = reply.length == 0 ? 0 : (used + 7) & ~size_t{7};
    const bool fits = offset + reply.length <= length;
    if (!fits && !replies->empty()) break;
    charged += ChargeOf(reply);
    if (requests == requests_.end() || requests->first != reply.handle) {
      requests = requests_.find(reply.handle);
    }
    if (requests == requests_.end()) {
      --steps;
    } else {
      if (!fits) reply.Limit();
      WriteEntry(reply, offset, entries + replies->size() * kEntry);
      if (reply.length > 0) used = offset + reply.length;
      replies->push_back(std::move(reply));
      --pending_;
      if (--requests->second == 0) {
        requests_.erase(requests);
        requests = requests_.end();
      }
    }
    replies_.Pop();
  }
  waiting_->Subtract(charged);
  *more = replies->empty() && !replies_.empty();
  return used;
}

bool ReplyQueue::IsEmpty() {
  const std::lock_guard<std::mutex> guard(lock_);
  return replies_.empty();
}

void ReplyQueue::Drop(int32_t handle) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = requests_.find(handle);
  if (found == requests_.end()) return;
  pending_ -= found->second;
  requests_.erase(found);
}

int ReplyQueue::Pending(int32_t handle) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = requests_.find(handle);
  return found == requests_.end() ? 0 : found->second;
}

size_t ReplyQueue::Pending() {
  const std::lock_guard<std::mutex> guard(lock_);
  return pending_;
}

void ReplyQueue::Close() {
  const std::lock_guard<std::mutex> guard(lock_);
  while (!replies_.empty()) {
    waiting_->Subtract(ChargeOf(replies_.front()));
    replies_.Pop();
  }
  replies_.Clear();
  requests_ = {};
  pending_ = 0;
  closed_ = true;
}

}  // namespace wasmpoll
