// Peer table: of each address, how many connections it has open and how fast they come. Knows numbers that it
// is given; must not know sockets, or what becomes of those who are too many.
#pragma once

#include <cstdint>
#include <memory>

#include "hash.h"

namespace wasmpoll {

enum class Verdict { kAdmitted = 0, kTooMany = 1, kTooFast = 2 };

// Not for several threads at a time. A row is for an IPv4 address, for a /64 of IPv6, or for one link-local
// address. Rows without a connection are kept for their rate; when there is no room, the one that was not
// asked for the longest is given up.
class PeerTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // With more rows than there can be connections, every address has one that it needs. `most` connections for one address, `perSecond` in a
  // second: as many may come at once. 0 is no limit.
  PeerTable(uint32_t rows, uint32_t most, uint32_t perSecond);

  // `address` has 16 bytes, `now` is in milliseconds. `row` is what Leave takes once the connection is closed;
  // kNone when there was no room, and nothing is limited.
  Verdict Enter(const uint8_t* address, double now, uint32_t* row);
  void Leave(uint32_t row);

  // Rows in use.
  uint32_t known() const { return known_; }

 private:
  struct Row {
    uint8_t address[16];
    // When the next connection would be on time (the virtual scheduling algorithm of ITU-T I.371).
    double due;
    uint32_t open;
    uint32_t next;
    uint32_t older;
    uint32_t newer;
  };

  uint32_t* Find(const uint8_t* address);
  uint32_t Take();
  void Forget(uint32_t row);
  void JoinIdle(uint32_t row);
  void LeaveIdle(uint32_t row);

  const uint32_t most_;
  const uint32_t per_second_;
  const HashKey key_ = HashKey::Random();
  // From calloc(3): the kernel gives the memory where it is touched.
  std::unique_ptr<Row[], void (*)(void*)> rows_;
  // The first row of each bucket, plus 1.
  std::unique_ptr<uint32_t[], void (*)(void*)> buckets_;
  const uint32_t mask_;
  const uint32_t size_;
  uint32_t fresh_ = 0;
  uint32_t known_ = 0;
  // Lists of row numbers plus 1; 0 ends them.
  uint32_t free_ = 0;
  uint32_t oldest_ = 0;
  uint32_t newest_ = 0;
};

}  // namespace wasmpoll
