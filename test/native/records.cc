// Logs of arbitrary bytes: each is read to its first bad record, and what is left is performed as any other. A log
// is the host's own, but a mistake in it must cost a call and not the process. Built under AddressSanitizer.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include "state.h"

using namespace wasmpoll;

namespace {

constexpr int kLogs = 200000;
constexpr size_t kLongest = 256;

std::mt19937_64 random_source(1);

uint64_t Below(uint64_t bound) { return random_source() % bound; }

// Words that mean something, more often than not.
void FillHead(int32_t* words) {
  for (int word = 0; word < kRecord; ++word) words[word] = static_cast<int32_t>(random_source());
  if (Below(8) != 0) words[kRecordOp] = static_cast<int32_t>(Below(10));
  if (Below(4) != 0) words[kRecordHandle] = static_cast<int32_t>(Below(4));
  if (Below(4) != 0) words[kRecordFlags] = static_cast<int32_t>(Below(8));
  if (Below(4) != 0) words[kRecordSeat] = static_cast<int32_t>(Below(3));
  if (Below(8) != 0) words[kRecordFirst] = static_cast<int32_t>(Below(12));
  if (Below(8) != 0) words[kRecordSecond] = static_cast<int32_t>(Below(40));
}

// Of exactly the size that is asked for, so that a step beyond it is seen. `*end` is where its records end.
std::unique_ptr<uint64_t[]> Make(size_t words, size_t* end) {
  std::unique_ptr<uint64_t[]> log(new uint64_t[words]);
  for (size_t word = 0; word < words; ++word) {
    log[word] = random_source();
    // Text that has levels and names.
    if (Below(2) == 0) memcpy(&log[word], "a/+/#b//" + Below(4), 4);
  }
  size_t at = 0;
  while (Below(16) != 0 && at + kRecord / 2 <= words) {
    auto* const head = reinterpret_cast<int32_t*>(log.get() + at);
    FillHead(head);
    const int64_t bytes = int64_t{head[kRecordFirst]} + head[kRecordSecond];
    if (bytes < 0 || bytes > static_cast<int64_t>(kLongest)) break;
    at += kRecord / 2 + (bytes + 7) / 8;
    if (at <= words) *end = at * 8;
  }
  return log;
}

}  // namespace

int main() {
  State state({20000, 5000, 5000, 8});
  for (int seat = 0; seat < 3; ++seat) state.Open(seat, -1, close);
  State::Scratch scratch;
  int32_t block[kBlock];
  char bytes[4096];
  size_t performed = 0;
  size_t refused = 0;
  for (int round = 0; round < kLogs; ++round) {
    const size_t words = Below(kLongest / 8) + 1;
    size_t end = 0;
    const std::unique_ptr<uint64_t[]> log = Make(words, &end);
    const auto* const start = reinterpret_cast<const uint8_t*>(log.get());
    const std::shared_ptr<Seat> seat = state.At(static_cast<int>(Below(3)));
    // Cut anywhere, too.
    const size_t length = Below(2) == 0 ? end : Below(words * 8 + 1);
    const int64_t bad = ReadRecords(start, length, &scratch.records);
    if (bad >= 0) {
      ++refused;
      ReadRecords(start, static_cast<size_t>(bad), &scratch.records);
    }
    performed += scratch.records.size();
    for (const Record& record : scratch.records) state.Check(*seat, record, static_cast<int>(Below(3)));
    state.Commit(*seat, &scratch, round);
    if (Below(4) == 0) state.LeaveAll(*seat, static_cast<int>(Below(4)));
    for (int take = 0; take < 8 && state.Take(*seat, {block, bytes, sizeof bytes}, 0) > 0; ++take) continue;
  }
  state.Release();
  double columns[kCounts];
  state.Count(columns);
  for (const int column : {kCountMembers, kCountRetained, kCountGroupBytes, kCountQueueBytes}) {
    if (columns[column] != 0) return fprintf(stderr, "records: column %d is left\n", column), 1;
  }
  printf("records: %zu performed, %zu logs with a bad one\n", performed, refused);
  return performed > kLogs / 4 && refused > kLogs / 4 ? 0 : 1;
}
