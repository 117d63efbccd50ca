// SipHash as its authors describe it (Aumasson and Bernstein, 2012), with one round a word and three at the
// end, as Rust and Python use it for their tables.
#include "hash.h"

#include <bit>
#include <cstdlib>
#include <cstring>

#include <sys/random.h>

#include "syscall.h"

namespace wasmpoll {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

struct Sip {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Add(uint64_t word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }
};

}  // namespace

HashKey HashKey::Random() {
  HashKey key{};
  // 16 bytes come whole, or not at all (getrandom(2)); without them the tables would be open to attack.
  if (Retry([&] { return getrandom(&key, sizeof key, 0); }) != sizeof key) std::abort();
  return key;
}

uint64_t Hash(const HashKey& key, std::string_view bytes) {
  Sip sip{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d,
          key.low ^ 0x6c7967656e657261, key.high ^ 0x7465646279746573};
  const char* at = bytes.data();
  const char* const end = at + (bytes.size() & ~size_t{7});
  uint64_t word = 0;
  for (; at != end; at += 8) {
    memcpy(&word, at, 8);
    sip.Add(word);
  }
  word = 0;
  if ((bytes.size() & 7) != 0) memcpy(&word, at, bytes.size() & 7);
  sip.Add(word | uint64_t{bytes.size()} << 56);
  sip.v2 ^= 0xff;
  sip.Round();
  sip.Round();
  sip.Round();
  return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

}  // namespace wasmpoll
