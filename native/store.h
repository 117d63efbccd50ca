// Keys and values, in shards with a lock each. A value has a version, and may have an end. Knows bytes and
// the caller's clock; must not know who asks.
#pragma once

#include <mutex>
#include <string>

#include "expiry.h"
#include "hash.h"
#include "record.h"
#include "table.h"

namespace wasmpoll {

// A value behind its version, as a reply carries them.
struct Value {
  std::atomic<uint32_t> refs{1};
  uint32_t length = 0;
  uint64_t version = 0;

  static Ref<Value> Make(std::string_view bytes);
  // False if it is held by others as well, or has another length.
  bool Replace(std::string_view bytes);
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view text() const { return {bytes(), length}; }
};

// The answer to a record: a status, and bytes.
struct Reply {
  int32_t handle = 0;
  int32_t tag = 0;
  int32_t status = 0;
  // Of bytes().
  uint32_t length = 0;
  // The bytes, if there is no value.
  uint64_t version = 0;
  Ref<Value> value;

  void SetBytes(std::string_view bytes);
  // There was no room for the bytes.
  void Limit() {
    status = kStatusLimit;
    length = 0;
    value = {};
  }
  const char* bytes() const {
    return reinterpret_cast<const char*>(value ? &value->version : &version);
  }
};

class Store {
 public:
  explicit Store(double bytes) : limit_(static_cast<int64_t>(bytes)) {}
  ~Store() { Clear(); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Performs a GET, PUT, DELETE or ADD, and fills in status, bytes and value.
  void Perform(const Record& record, double now, Reply* reply);
  // All is given back, and nothing is stored from here on.
  void Close();
  void Count(double* columns);

 private:
  struct Entry {
    Entry* next = nullptr;
    uint64_t hash = 0;
    double expires = 0;
    size_t place = 0;
    Ref<Value> value;
    std::string key;
  };
  struct alignas(64) Shard {
    std::mutex lock;
    Table<Entry> entries;
    Expiry<Entry> expiry;
  };
  // One operation, in whose shard the lock is held.
  struct Step {
    Shard* shard;
    const Record* record;
    uint64_t hash;
    double now;
    Reply* reply;
    // Null if the key is absent.
    Entry* entry;
    // The bytes that were wanted, if there was no room.
    int64_t lacking;
  };

  static constexpr size_t kShards = 64;

  void Clear();
  int Change(Step* step);
  int Put(Step* step);
  int Delete(Step* step);
  int Add(Step* step);
  // Writes the value, under a new version. False if there is no room.
  bool Set(Step* step, std::string_view value, double expires);
  bool Charge(int64_t bytes);
  void Remove(Shard* shard, Entry* entry);
  // Removes some that have expired. True if there may be more.
  bool Sweep(Shard* shard, double now, int most);
  // Makes room, as far as expired keys give it.
  void SweepFor(int64_t bytes, double now);

  const HashKey key_ = HashKey::Random();
  std::atomic<int64_t> limit_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<uint64_t> versions_{0};
  Shard shards_[kShards];
};

}  // namespace wasmpoll
