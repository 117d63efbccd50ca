// Threads that use shared state at once, end, and are followed by others, while seats come and go. Built by
// scripts/tsan.mjs under ThreadSanitizer. What it checks: every member gets every message once, or is told;
// all in one order; every request is answered once, in its order; sums add up; nothing is left at the end.

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "log.h"
#include "state.h"

using namespace wasmpoll;

namespace {

constexpr int kWorkers = 4;
constexpr int kMembers = 5;
// Threads that follow each other in a seat.
constexpr int kLives = 6;
constexpr int kRounds = 300;
// Its number is that of a seat which nobody serves for long.
constexpr int kVisitor = kWorkers;

int failures = 0;

void Expect(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  fprintf(stderr, "stress: %s\n", what);
}

// What a member saw, beyond the end of the thread that served him.
struct Member {
  std::vector<std::string> seen;
  int missed = 0;
};

struct Worker {
  int number;
  std::map<int, Member> members;
  int asked = 0;
  int answered = 0;
  double added = 0;
  std::vector<int32_t> block = std::vector<int32_t>(kBlock);
};

class Thread {
 public:
  Thread(State* state, Worker* worker, int life, bool tiny)
      : state_(state), worker_(worker), seat_(state->At(worker->number)), life_(life), tiny_(tiny) {
    random_.seed(worker->number * 1000 + life);
  }

  void Run() {
    if (life_ == 0) {
      for (int member = 1; member <= kMembers; ++member) {
        const bool pattern = member % 2 == 0;
        log_.Add({kOpJoin, member, member, pattern ? kFlagPattern : 0}, pattern ? "room/#" : "room/1");
        worker_->members[member];
      }
      Commit();
    } else {
      Adopt();
    }
    for (int round = 0; round < kRounds; ++round) {
      Ask(round);
      Commit();
      if (random_() % 3 == 0) Take(random_() % 4 == 0 ? 40 : bytes_.size());
    }
  }

  void Finish() {
    while (Take(bytes_.size()) != 0) continue;
  }

 private:
  void Ask(int round) {
    const std::string id =
        std::to_string(worker_->number) + "." + std::to_string(life_) + "." + std::to_string(round);
    if (!tiny_ || round % 50 == 0) log_.Add({kOpPublish, 0, 0, 0}, "room/1", id);
    const std::string topic = "topic/" + std::to_string(random_() % 20);
    const int handle = static_cast<int>(100 + random_() % 20);
    switch (random_() % 6) {
      case 0:
        return log_.Add({kOpJoin, handle, 1, 0}, topic);
      case 1:
        return log_.Add({kOpJoin, handle, 1, kFlagPattern}, "topic/+");
      case 2:
        return log_.Add({kOpLeave, handle, 0, kFlagPattern}, "topic/+");
      case 3:
        return log_.Add({kOpPublish, handle, 0, kFlagRetain | kFlagOthers}, topic, random_() % 2 ? id : "");
      case 4:
        if (random_() % 4 != 0) return log_.Add({kOpJoin, handle, 1, kFlagPattern | kFlagShared}, "s/topic/+");
        state_->LeaveAll(*seat_, handle);
        return;
      default:
        if (random_() % 2 == 0) return Request();
        return log_.Add({kOpDirect, handle, 0, 0, 0, kVisitor}, topic, id);
    }
  }

  void Request() {
    ++worker_->asked;
    log_.Add({kOpGet, 1, worker_->asked}, "key");
    ++worker_->asked;
    ++worker_->added;
    log_.Add({kOpAdd, 1, worker_->asked, 0, 0, 0, BitsOf(1)}, "sum");
    log_.Add({kOpPut, 0, 0, 0, 5}, "key", std::string(random_() % 40, 'v'));
  }

  void Commit() {
    log_.Read(&scratch_.records);
    const int result = state_->Commit(*seat_, &scratch_, static_cast<double>(++now_));
    Expect((result & ~(kCommittedOwn | kCommittedRefused)) == 0, "a commit returns its own bits");
    log_.Clear();
  }

  int Take(size_t length) {
    int32_t* const block = worker_->block.data();
    const int taken = state_->Take(*seat_, {block, bytes_.data(), length}, static_cast<double>(now_));
    Serve();
    return taken;
  }

  // From the block's position on, which a thread before this one may have left.
  void Serve() {
    int32_t* const block = worker_->block.data();
    const int kind = block[kBlockKind];
    for (; block[kBlockPosition] < block[kBlockCount]; ++block[kBlockPosition]) {
      const int32_t* const entry = block + kBlockEntries + block[kBlockPosition] * kEntry;
      const int handle = entry[kEntryHandle];
      if (kind == kBlockReplies) {
        ++worker_->answered;
        Expect(entry[kEntryTag] == worker_->answered, "replies come in the order of requests");
      } else if (worker_->members.contains(handle)) {
        Member& member = worker_->members[handle];
        if (kind == kBlockMissed) ++member.missed;
        if (kind != kBlockMessage || (block[kBlockFlags] & kDeliveredRetained) != 0) continue;
        member.seen.emplace_back(bytes_.data() + block[kBlockTopic], block[kBlockData]);
      }
      if (random_() % 64 == 0 && kind == kBlockMessage && handle >= 100) state_->Poison(*seat_, block);
    }
  }

  // The block is whole, and its bytes are written again; of the others only the members stay.
  void Adopt() {
    std::vector<int32_t> handles;
    for (const auto& [handle, member] : worker_->members) handles.push_back(handle);
    std::vector<int32_t> pending(handles.size());
    state_->Adopt(*seat_, handles, worker_->block.data(), pending.data());
    Expect(pending[0] == worker_->asked - worker_->answered, "a successor is told what is pending");
    State::Again(*seat_, bytes_.data(), bytes_.size());
    Serve();
  }

  State* const state_;
  Worker* const worker_;
  const std::shared_ptr<Seat> seat_;
  const int life_;
  const bool tiny_;
  std::mt19937 random_;
  Log log_;
  State::Scratch scratch_;
  std::vector<char> bytes_ = std::vector<char>(1 << 16);
  int64_t now_ = 0;
};

// Opens and closes a seat all the time. Whatever gets the number of its eventfd must stay untouched.
void Visit(State* state, const std::atomic<bool>* over) {
  Log log;
  State::Scratch scratch;
  std::vector<int32_t> block(kBlock);
  std::vector<char> bytes(1 << 16);
  while (!over->load()) {
    Expect(state->Open(kVisitor, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), close), "a seat opens again");
    const std::shared_ptr<Seat> seat = state->At(kVisitor);
    log.Clear();
    log.Add({kOpJoin, 1, 1, kFlagPattern}, "#");
    log.Read(&scratch.records);
    state->Commit(*seat, &scratch, 0);
    while (state->Take(*seat, {block.data(), bytes.data(), bytes.size()}, 0) != 0) continue;
    // It is about to be rung.
    for (int wait = 0; wait < 1000 && !seat->signalled; ++wait) usleep(1);
    state->Close(kVisitor);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0) abort();
    usleep(200);
    char stray = 0;
    Expect(read(pair[0], &stray, 1) < 0 && read(pair[1], &stray, 1) < 0,
           "no wake goes to a descriptor that came after the seat");
    close(pair[0]);
    close(pair[1]);
  }
}

// Answers and counts, as the main thread does.
void Watch(State* state, const std::atomic<bool>* over) {
  double columns[kCounts];
  while (!over->load()) {
    state->Count(columns);
    Expect(columns[kCountPending] >= 0, "counts are no less than 0");
    state->Answer(0, 12345, 0, 0, "nobody has asked");
    usleep(100);
  }
}

void Stress(double queue_bytes) {
  const bool tiny = queue_bytes < 1e6;
  State state({1e9, queue_bytes, 1e9, 1000});
  std::vector<Worker> workers(kWorkers);
  std::atomic<bool> over{false};
  for (int number = 0; number < kWorkers; ++number) {
    workers[number].number = number;
    state.Open(number, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), close);
  }
  std::thread visitor(Visit, &state, &over);
  std::thread watcher(Watch, &state, &over);
  std::vector<std::thread> chains;
  for (Worker& worker : workers) {
    chains.emplace_back([&state, &worker, tiny] {
      for (int life = 0; life < kLives; ++life) {
        std::thread([&] { Thread(&state, &worker, life, tiny).Run(); }).join();
      }
    });
  }
  for (std::thread& chain : chains) chain.join();
  over = true;
  visitor.join();
  watcher.join();
  double added = 0;
  for (Worker& worker : workers) {
    Thread(&state, &worker, kLives, tiny).Finish();
    Expect(worker.asked == worker.answered, "every request is answered");
    added += worker.added;
  }
  Log log;
  State::Scratch scratch;
  log.Add({kOpAdd, 1, 1, 0, 0, 0, BitsOf(0)}, "sum");
  log.Read(&scratch.records);
  state.Commit(*state.At(0), &scratch, 0);
  int32_t block[kBlock];
  char bytes[64] = {};
  state.Take(*state.At(0), {block, bytes, sizeof bytes}, 0);
  Expect(std::stod(std::string(bytes + 8, block[kBlockData] - 8)) == added, "sums add up");

  // Who has joined before all others saw the most; nobody saw anything twice or in another order.
  const std::vector<std::string>* longest = &workers[0].members[1].seen;
  for (Worker& worker : workers) {
    for (auto& [handle, member] : worker.members) {
      if (member.seen.size() > longest->size()) longest = &member.seen;
    }
  }
  std::map<std::string, size_t> places;
  for (const std::string& id : *longest) places.emplace(id, places.size());
  Expect(places.size() == longest->size(), "nobody gets a message twice");
  size_t told = 0;
  for (Worker& worker : workers) {
    for (auto& [handle, member] : worker.members) {
      told += member.missed > 0;
      if (tiny) continue;
      Expect(member.missed == 0, "nobody misses anything while there is room");
      // The tail of what the first one saw: all since the join, without a hole.
      Expect(std::equal(member.seen.rbegin(), member.seen.rend(), longest->rbegin()),
             "all see all messages in one order");
    }
  }
  Expect(!tiny || told > 0, "who misses something is told");
  state.Release();
  double columns[kCounts];
  state.Count(columns);
  for (const int column : {kCountTopics, kCountMembers, kCountRetained, kCountGroupBytes, kCountKeys,
                           kCountStoreBytes, kCountQueueBytes, kCountPending}) {
    Expect(columns[column] == 0, "nothing is left at the end");
  }
  printf("stress: %zu messages, %.0f entries, %.0f missed, %.0f poisoned, %.0f added\n",
         longest->size(), columns[kCountDelivered], columns[kCountMissed], columns[kCountPoisoned],
         added);
}

// The numbers are CPython's: since 3.11 its hash of bytes is SipHash-1-3, without a key at PYTHONHASHSEED=0.
void HashAsOthers() {
  const auto hash = [](std::string_view text) { return static_cast<int64_t>(Hash({0, 0}, text)); };
  Expect(hash("b") == -8420940591063670578 && hash("bcdefgh") == -4126142343254080859,
         "short texts have their hash");
  Expect(hash("bcdefghi") == 3460598863729150295 && hash("bcdefghij") == 1973250780189784273,
         "texts of a word and more have their hash");
}

}  // namespace

// Gives whoever closes meanwhile the time to do so: a wake that is not held would go astray.
extern "C" ssize_t __real_write(int fd, const void* bytes, size_t length);
extern "C" ssize_t __wrap_write(int fd, const void* bytes, size_t length) {
  if (length == 8) usleep(30);
  return __real_write(fd, bytes, length);
}

int main() {
  HashAsOthers();
  Stress(1e9);
  Stress(20000);
  return failures == 0 ? 0 : 1;
}
