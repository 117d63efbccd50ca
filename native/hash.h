// A hash that nobody outside can predict: SipHash-1-3 with a random key, for tables whose keys clients
// choose. Knows bytes only.
#pragma once

#include <cstdint>
#include <string_view>

namespace wasmpoll {

struct HashKey {
  uint64_t low;
  uint64_t high;

  static HashKey Random();
};

uint64_t Hash(const HashKey& key, std::string_view bytes);

// Spreads what is no secret and not chosen by clients: addresses, handles.
inline uint64_t Mix(uint64_t value) {
  value *= 0x9e3779b97f4a7c15;
  return value ^ value >> 32;
}

}  // namespace wasmpoll
