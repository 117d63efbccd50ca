// Row numbers stand plus 1 in lists, so that memory of zeros is an empty table.
#include "peer_table.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace wasmpoll {
namespace {

constexpr size_t kAddress = 16;

template <typename Element>
std::unique_ptr<Element[], void (*)(void*)> Zeros(size_t count) {
  return {static_cast<Element*>(calloc(count, sizeof(Element))), free};
}

bool IsV4(const uint8_t* address) {
  static constexpr uint8_t front[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return memcmp(address, front, sizeof front) == 0;
}

bool IsLinkLocal(const uint8_t* address) {
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

}  // namespace

PeerTable::PeerTable(uint32_t rows, uint32_t most, uint32_t perSecond)
    : most_(most),
      per_second_(perSecond),
      rows_(Zeros<Row>(rows)),
      buckets_(Zeros<uint32_t>(std::bit_ceil(rows))),
      mask_(std::bit_ceil(rows) - 1),
      size_(rows_ && buckets_ ? rows : 0) {}

Verdict PeerTable::Enter(const uint8_t* address, double now, uint32_t* row) {
  *row = kNone;
  if (size_ == 0) return Verdict::kAdmitted;
  uint8_t key[kAddress];
  memcpy(key, address, sizeof key);
  // Whoever has one address of such a network has all of them.
  if (!IsV4(key) && !IsLinkLocal(key)) memset(key + kAddress / 2, 0, kAddress / 2);
  uint32_t* link = Find(key);
  if (*link == 0) {
    const uint32_t taken = Take();
    if (taken == kNone) return Verdict::kAdmitted;
    // The bucket's own link may have been that of the row that was given up.
    link = Find(key);
    memcpy(rows_[taken].address, key, sizeof key);
    rows_[taken].due = 0;
    rows_[taken].next = 0;
    *link = taken + 1;
    ++known_;
    JoinIdle(taken);
  }
  *row = *link - 1;
  Row& found = rows_[*row];
  // Asked for last, whatever the answer is.
  if (found.open == 0) {
    LeaveIdle(*row);
    JoinIdle(*row);
  }
  if (most_ > 0 && found.open >= most_) return Verdict::kTooMany;
  if (per_second_ > 0) {
    const double interval = 1000.0 / per_second_;
    if (found.due - interval * (per_second_ - 1) > now) return Verdict::kTooFast;
    found.due = std::max(found.due, now) + interval;
  }
  if (found.open == 0) LeaveIdle(*row);
  ++found.open;
  return Verdict::kAdmitted;
}

void PeerTable::Leave(uint32_t row) {
  if (--rows_[row].open > 0) return;
  if (per_second_ > 0) {
    JoinIdle(row);
    return;
  }
  Forget(row);
  rows_[row].next = free_;
  free_ = row + 1;
}

// The link that leads to the row, or that a new one is to be put into.
uint32_t* PeerTable::Find(const uint8_t* address) {
  const std::string_view bytes(reinterpret_cast<const char*>(address), kAddress);
  uint32_t* link = &buckets_[Hash(key_, bytes) & mask_];
  while (*link != 0 && memcmp(rows_[*link - 1].address, address, kAddress) != 0) {
    link = &rows_[*link - 1].next;
  }
  return link;
}

uint32_t PeerTable::Take() {
  if (free_ != 0) {
    const uint32_t row = free_ - 1;
    free_ = rows_[row].next;
    return row;
  }
  if (fresh_ < size_) return fresh_++;
  if (oldest_ == 0) return kNone;
  const uint32_t row = oldest_ - 1;
  LeaveIdle(row);
  Forget(row);
  return row;
}

void PeerTable::Forget(uint32_t row) {
  uint32_t* const link = Find(rows_[row].address);
  *link = rows_[row].next;
  --known_;
}

void PeerTable::JoinIdle(uint32_t row) {
  rows_[row].older = newest_;
  rows_[row].newer = 0;
  (newest_ == 0 ? oldest_ : rows_[newest_ - 1].newer) = row + 1;
  newest_ = row + 1;
}

void PeerTable::LeaveIdle(uint32_t row) {
  const auto [older, newer] = std::pair(rows_[row].older, rows_[row].newer);
  (older == 0 ? oldest_ : rows_[older - 1].newer) = newer;
  (newer == 0 ? newest_ : rows_[newer - 1].older) = older;
}

}  // namespace wasmpoll
