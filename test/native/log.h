// A log of records, as the host writes them, for programs that use shared state without JavaScript.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "record.h"

namespace wasmpoll {

class Log {
 public:
  struct Fields {
    int32_t op;
    int32_t handle = 0;
    int32_t tag = 0;
    int32_t flags = 0;
    uint32_t ttl = 0;
    int32_t seat = 0;
    uint64_t value = 0;
  };

  void Clear() { words_.clear(); }

  void Add(const Fields& fields, std::string_view first = {}, std::string_view second = {}) {
    const size_t at = words_.size();
    const size_t bytes = kRecord * 4 + first.size() + second.size();
    words_.resize(at + (bytes + 7) / 8);
    const int32_t head[kRecord] = {fields.op,
                                   fields.handle,
                                   fields.tag,
                                   fields.flags,
                                   static_cast<int32_t>(first.size()),
                                   static_cast<int32_t>(second.size()),
                                   static_cast<int32_t>(fields.ttl),
                                   fields.seat,
                                   static_cast<int32_t>(fields.value),
                                   static_cast<int32_t>(fields.value >> 32)};
    char* const to = reinterpret_cast<char*>(words_.data() + at);
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, first.data(), first.size());
    memcpy(to + sizeof head + first.size(), second.data(), second.size());
  }

  // Leaves the records in `records`, which point into this log.
  void Read(std::vector<Record>* records) const {
    ReadRecords(reinterpret_cast<const uint8_t*>(words_.data()), words_.size() * 8, records);
  }

 private:
  std::vector<uint64_t> words_;
};

inline uint64_t BitsOf(double value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace wasmpoll
