// All tables under one lock, which is held for a few comparisons. What is noted of descriptors needs none.
#include "peer_tables.h"

#include <atomic>
#include <map>
#include <mutex>

namespace wasmpoll {
namespace {

constexpr int kId = 32;

struct Tables {
  std::mutex lock;
  std::map<int, PeerTable> tables;
  int last = 0;
};

// Never destroyed: threads may still run when the process ends.
Tables& All() {
  static Tables& all = *new Tables;
  return all;
}

// The table's number, and below it the row plus 1; 0 for a descriptor that counts nowhere.
std::atomic<uint64_t> rows[kPeerDescriptors];

bool Counts(int fd) { return fd >= 0 && fd < kPeerDescriptors; }

}  // namespace

int OpenPeers(uint32_t rows, uint32_t most, uint32_t perSecond) {
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.tables.try_emplace(++all.last, rows, most, perSecond);
  return all.last;
}

void ClosePeers(int id) {
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.tables.erase(id);
}

uint32_t KnownPeers(int id) {
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(id);
  return found == all.tables.end() ? 0 : found->second.known();
}

Verdict EnterPeer(int id, int fd, const uint8_t* address, double now) {
  if (!Counts(fd)) return Verdict::kAdmitted;
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(id);
  if (found == all.tables.end()) return Verdict::kAdmitted;
  uint32_t row = 0;
  const Verdict verdict = found->second.Enter(address, now, &row);
  if (verdict == Verdict::kAdmitted && row != PeerTable::kNone) {
    rows[fd].store(static_cast<uint64_t>(id) << kId | (uint64_t{row} + 1));
  }
  return verdict;
}

void LeavePeers(int fd) {
  if (!Counts(fd) || rows[fd].load(std::memory_order_relaxed) == 0) return;
  const uint64_t noted = rows[fd].exchange(0);
  if (noted == 0) return;
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(static_cast<int>(noted >> kId));
  if (found != all.tables.end()) found->second.Leave(static_cast<uint32_t>(noted) - 1);
}

}  // namespace wasmpoll
