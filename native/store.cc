// The operations of the store. Each holds the lock of one shard, and at most of one.
#include "store.h"

#include <algorithm>
#include <cmath>

#include "decimal.h"

namespace wasmpoll {
namespace {

// Expired keys that an operation takes along; more than one, so that they do not pile up.
constexpr int kSwept = 4;
// Expired keys that go under one hold of a lock when room is wanted.
constexpr int kSweptForRoom = 64;
// The counting ends where doubles lose whole numbers.
constexpr double kLargest = 9007199254740991;

double Number(uint64_t bits) {
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

Ref<Value> Value::Make(std::string_view bytes) {
  auto* const value = new (::operator new(sizeof(Value) + bytes.size())) Value;
  value->length = static_cast<uint32_t>(bytes.size());
  if (!bytes.empty()) memcpy(reinterpret_cast<char*>(value + 1), bytes.data(), bytes.size());
  return Ref<Value>::Own(value);
}

bool Value::Replace(std::string_view bytes) {
  if (bytes.size() != length || refs.load(std::memory_order_acquire) != 1) return false;
  if (!bytes.empty()) memcpy(reinterpret_cast<char*>(this + 1), bytes.data(), bytes.size());
  return true;
}

void Reply::SetBytes(std::string_view bytes) {
  length = static_cast<uint32_t>(bytes.size());
  const size_t head = std::min(bytes.size(), sizeof version);
  if (head > 0) memcpy(&version, bytes.data(), head);
  if (bytes.size() <= sizeof version) return;
  value = Value::Make(bytes.substr(head));
  value->version = version;
}

void Store::Perform(const Record& record, double now, Reply* reply) {
  const uint64_t hash = Hash(key_, record.first);
  // The table of a shard uses the low bits.
  Shard& shard = shards_[hash >> 58];
  Step step{&shard, &record, hash, now, reply, nullptr, 0};
  {
    const std::lock_guard<std::mutex> guard(shard.lock);
    reply->status = Change(&step);
  }
  if (step.lacking == 0) return;
  SweepFor(step.lacking, now);
  const std::lock_guard<std::mutex> guard(shard.lock);
  reply->status = Change(&step);
}

int Store::Change(Step* step) {
  Sweep(step->shard, step->now, kSwept);
  const Record& record = *step->record;
  Entry* entry = step->shard->entries.Find(
      step->hash, [&](const Entry& one) { return one.key == record.first; });
  if (entry != nullptr && entry->expires != 0 && entry->expires <= step->now) {
    Remove(step->shard, entry);
    entry = nullptr;
  }
  step->entry = entry;
  switch (record.op) {
    case kOpPut:
      return Put(step);
    case kOpDelete:
      return Delete(step);
    case kOpAdd:
      return Add(step);
    default:
      if (entry == nullptr) return kStatusAbsent;
      step->reply->value = entry->value;
      step->reply->length = 8 + entry->value->length;
      return kStatusOk;
  }
}

int Store::Put(Step* step) {
  const Record& record = *step->record;
  const uint64_t version = step->entry == nullptr ? 0 : step->entry->value->version;
  if (record.Is(kFlagExpected) && record.value != version) return kStatusConflict;
  if (!Set(step, record.second, record.ttl == 0 ? 0 : step->now + record.ttl)) return kStatusLimit;
  step->reply->version = step->entry->value->version;
  step->reply->length = 8;
  return kStatusOk;
}

int Store::Delete(Step* step) {
  const Record& record = *step->record;
  if (step->entry == nullptr) return kStatusAbsent;
  if (record.Is(kFlagExpected) && record.value != step->entry->value->version) {
    return kStatusConflict;
  }
  Remove(step->shard, step->entry);
  return kStatusOk;
}

int Store::Add(Step* step) {
  const Record& record = *step->record;
  double number = 0;
  double expires = record.ttl == 0 ? 0 : step->now + record.ttl;
  if (step->entry != nullptr) {
    if (!ReadDecimal(step->entry->value->text(), &number)) return kStatusConflict;
    expires = step->entry->expires;
  }
  number += Number(record.value);
  // False for NaN, too.
  if (!(std::fabs(number) <= kLargest)) return kStatusLimit;
  char text[kLongestDecimal];
  if (!Set(step, {text, WriteDecimal(number, text)}, expires)) return kStatusLimit;
  step->reply->value = step->entry->value;
  step->reply->length = 8 + step->entry->value->length;
  return kStatusOk;
}

bool Store::Set(Step* step, std::string_view value, double expires) {
  Entry* entry = step->entry;
  const std::string_view key = step->record->first;
  int64_t bytes = static_cast<int64_t>(value.size());
  if (entry == nullptr) {
    bytes += kChargeKey + static_cast<int64_t>(key.size());
  } else {
    bytes -= entry->value->length;
  }
  if (!Charge(bytes)) {
    step->lacking = bytes;
    return false;
  }
  step->lacking = 0;
  if (entry == nullptr) {
    entry = new Entry;
    entry->hash = step->hash;
    entry->key = key;
    step->shard->entries.Insert(entry);
    step->entry = entry;
  }
  // In place, if no reply has it. Nobody gets hold of it without the lock.
  if (!entry->value || !entry->value->Replace(value)) entry->value = Value::Make(value);
  entry->value->version = versions_.fetch_add(1, std::memory_order_relaxed) + 1;
  step->shard->expiry.Set(entry, expires);
  return true;
}

bool Store::Charge(int64_t bytes) {
  if (bytes == 0) return true;
  int64_t before = bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > 0 && before + bytes > limit_.load(std::memory_order_relaxed)) return false;
  } while (!bytes_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
  return true;
}

void Store::Remove(Shard* shard, Entry* entry) {
  shard->expiry.Set(entry, 0);
  shard->entries.Remove(entry);
  bytes_.fetch_sub(kChargeKey + static_cast<int64_t>(entry->key.size()) + entry->value->length,
                   std::memory_order_relaxed);
  delete entry;
}

bool Store::Sweep(Shard* shard, double now, int most) {
  for (int swept = 0; swept < most; ++swept) {
    Entry* const first = shard->expiry.First();
    if (first == nullptr || first->expires > now) return false;
    Remove(shard, first);
  }
  return true;
}

void Store::SweepFor(int64_t bytes, double now) {
  for (Shard& shard : shards_) {
    for (bool more = true; more;) {
      if (bytes_.load() + bytes <= limit_.load()) return;
      const std::lock_guard<std::mutex> guard(shard.lock);
      more = Sweep(&shard, now, kSweptForRoom);
    }
  }
}

void Store::Clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard<std::mutex> guard(shard.lock);
    shard.entries.Clear([this](Entry* entry) {
      bytes_ -= kChargeKey + static_cast<int64_t>(entry->key.size()) + entry->value->length;
      delete entry;
    });
    shard.expiry = {};
  }
}

void Store::Close() {
  limit_ = 0;
  Clear();
}

void Store::Count(double* columns) {
  size_t keys = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard<std::mutex> guard(shard.lock);
    keys += shard.entries.size();
  }
  columns[kCountKeys] = static_cast<double>(keys);
  columns[kCountStoreBytes] = static_cast<double>(bytes_.load());
}

}  // namespace wasmpoll
