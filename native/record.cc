// Records are checked here, as a whole, before any of them is performed.
#include "record.h"

namespace wasmpoll {
namespace {

int32_t Load(const uint8_t* record, int word) {
  return __atomic_load_n(reinterpret_cast<const int32_t*>(record) + word, __ATOMIC_RELAXED);
}

constexpr size_t kHead = kRecord * sizeof(int32_t);

// JOIN and LEAVE: what is shared is a pattern, behind its name and a '/'.
bool HasName(const Record& record) {
  if (!record.Is(kFlagShared)) return true;
  const size_t name = record.first.find('/');
  return record.Is(kFlagPattern) && name != 0 && name < record.first.size() - 1;
}

}  // namespace

bool ReadRecord(const uint8_t* log, size_t length, size_t at, Record* record) {
  if (at % 8 != 0 || at > length || length - at < kHead) return false;
  const uint8_t* const start = log + at;
  const int32_t first = Load(start, kRecordFirst);
  const int32_t second = Load(start, kRecordSecond);
  if (first < 0 || second < 0) return false;
  const size_t size = (kHead + static_cast<size_t>(first) + static_cast<size_t>(second) + 7) & ~size_t{7};
  if (size > length - at) return false;
  const char* const bytes = reinterpret_cast<const char*>(start) + kHead;
  record->op = Load(start, kRecordOp);
  if (record->op < kOpJoin || record->op > kOpGap) return false;
  record->handle = Load(start, kRecordHandle);
  record->tag = Load(start, kRecordTag);
  record->flags = Load(start, kRecordFlags);
  record->ttl = static_cast<uint32_t>(Load(start, kRecordTtl));
  record->seat = Load(start, kRecordSeat);
  record->value = static_cast<uint32_t>(Load(start, kRecordValue)) |
                  uint64_t{static_cast<uint32_t>(Load(start, kRecordValue + 1))} << 32;
  record->first = {bytes, static_cast<size_t>(first)};
  record->second = {bytes + first, static_cast<size_t>(second)};
  record->whole = {reinterpret_cast<const char*>(start), size};
  return record->IsStore() || record->IsMessage() || record->op == kOpGap || HasName(*record);
}

int64_t ReadRecords(const uint8_t* log, size_t length, std::vector<Record>* records) {
  records->clear();
  for (size_t at = 0; at < length;) {
    Record& record = records->emplace_back();
    if (!ReadRecord(log, length, at, &record)) return static_cast<int64_t>(at);
    at += record.whole.size();
  }
  return -1;
}

Ref<Message> CopyRecord(const Record& record, int seat) {
  Ref<Message> copy = Message::Make({}, record.whole);
  // The lengths as they were checked, whatever the log says by now.
  const int32_t words[kRecord] = {
      record.op, record.handle, record.tag, record.flags,
      static_cast<int32_t>(record.first.size()), static_cast<int32_t>(record.second.size()),
      static_cast<int32_t>(record.ttl), seat,
      static_cast<int32_t>(record.value), static_cast<int32_t>(record.value >> 32)};
  memcpy(copy->bytes(), words, sizeof words);
  return copy;
}

}  // namespace wasmpoll
