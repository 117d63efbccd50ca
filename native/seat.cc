// How a block is written down.
#include "seat.h"

#include <algorithm>

namespace wasmpoll {

void Present::Head(const Target& target, int kind, int count, int flags, size_t topic, size_t data) {
  memset(target.block, 0, kBlockEntries * sizeof(int32_t));
  target.block[kBlockKind] = kind;
  target.block[kBlockCount] = count;
  target.block[kBlockFlags] = flags;
  target.block[kBlockTopic] = static_cast<int32_t>(topic);
  target.block[kBlockData] = static_cast<int32_t>(data);
  length_ = topic + data;
}

void Present::Clear(int32_t* block) {
  message_ = {};
  replies.clear();
  records.clear();
  Head({block, nullptr, 0}, 0, 0, 0, 0, 0);
}

void Present::Set(const Found& found, int count, const Target& target) {
  const bool whole = found.kind == kBlockMessage;
  if (whole) message_ = found.message;
  Head(target, found.kind, count, found.flags, whole ? message_->topic_length : 0,
       whole ? message_->data_length : 0);
  Write(target.bytes);
}

void Present::SetReplies(size_t bytes, const Target& target) {
  Head(target, kBlockReplies, static_cast<int>(replies.size()), 0, 0, bytes);
  Write(target.bytes);
}

void Present::SetRecords(size_t bytes, const Target& target) {
  Head(target, kBlockRecords, static_cast<int>(records.size()), 0, 0, bytes);
  Write(target.bytes);
}

bool Present::Poison(int32_t* block) {
  if (!message_) return false;
  __atomic_store_n(block + kBlockKind, kBlockMissed, __ATOMIC_RELAXED);
  const bool news = !message_->poisoned.exchange(true);
  message_ = {};
  length_ = 0;
  return news;
}

void Present::Write(char* to) const {
  if (message_) {
    if (message_->length() > 0) memcpy(to, message_->bytes(), message_->length());
    return;
  }
  char* at = to;
  for (const Reply& reply : replies) {
    if (reply.length == 0) continue;
    for (; ((at - to) & 7) != 0; ++at) *at = 0;
    memcpy(at, reply.bytes(), reply.length);
    at += reply.length;
  }
  for (const Ref<Message>& record : records) {
    memcpy(at, record->bytes(), record->length());
    at += record->length();
  }
}

void CountUnserved(const int32_t* block, std::unordered_map<int32_t, int>* unserved) {
  // It lies in shared memory, where anything may stand.
  const auto word = [block](int index) { return __atomic_load_n(block + index, __ATOMIC_RELAXED); };
  if (word(kBlockKind) != kBlockReplies) return;
  const int count = std::min(word(kBlockCount), kEntries);
  for (int entry = std::max(0, word(kBlockPosition)); entry < count; ++entry) {
    ++(*unserved)[word(kBlockEntries + entry * kEntry + kEntryHandle)];
  }
}

}  // namespace wasmpoll
