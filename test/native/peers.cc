// Threads that count connections of few addresses at once, under ThreadSanitizer: no address ever has more than
// it may, and nothing is left when all are closed. Then a table that other threads find closed.

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "peer_tables.h"

using namespace wasmpoll;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 20000;
constexpr int kAddresses = 3;
constexpr int kMost = 5;
constexpr int kHeld = 8;

int failures = 0;

void Expect(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "peers: not so: %s\n", what);
  ++failures;
}

void Address(uint32_t number, uint8_t* address) {
  memset(address, 0, 16);
  memset(address + 10, 0xff, 2);
  memcpy(address + 12, &number, 4);
}

void Count(uint32_t perSecond) {
  const int id = OpenPeers(2 * kThreads * kHeld, kMost, perSecond);
  std::atomic<int> open[kAddresses] = {};
  std::atomic<int> admitted{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      int held[kHeld];
      memset(held, -1, sizeof held);
      for (int round = 0; round < kRounds; ++round) {
        const int place = round % kHeld;
        const int fd = thread * kHeld + place;
        if (held[place] >= 0) {
          // Counted down first: the row may be another's as soon as it is left.
          --open[held[place]];
          LeavePeers(fd);
          held[place] = -1;
        }
        const int which = (round + thread) % kAddresses;
        uint8_t address[16];
        Address(which, address);
        if (EnterPeer(id, fd, address, round) != Verdict::kAdmitted) continue;
        held[place] = which;
        ++admitted;
        if (++open[which] > kMost) over = true;
      }
      for (int place = 0; place < kHeld; ++place) {
        if (held[place] >= 0) --open[held[place]];
        LeavePeers(thread * kHeld + place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Expect(!over, "an address has no more than it may");
  Expect(admitted > kRounds / kHeld, "many are admitted");
  Expect(KnownPeers(id) == (perSecond == 0 ? 0 : kAddresses), "only rates are left at the end");
  ClosePeers(id);
  printf("peers: %d admitted\n", admitted.load());
}

void CloseMeanwhile() {
  for (int round = 0; round < 200; ++round) {
    const int id = OpenPeers(64, 0, 0);
    std::thread other([id] {
      uint8_t address[16];
      for (int fd = 0; fd < 64; ++fd) {
        Address(fd, address);
        EnterPeer(id, fd, address, 0);
      }
      for (int fd = 0; fd < 64; ++fd) LeavePeers(fd);
    });
    ClosePeers(id);
    other.join();
    Expect(KnownPeers(id) == 0, "a closed table knows nobody");
  }
}

}  // namespace

int main() {
  Count(0);
  Count(1'000'000);
  CloseMeanwhile();
  return failures == 0 ? 0 : 1;
}
