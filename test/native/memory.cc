// How much memory shared state really takes for each byte that it counts, when clients ask for what costs most.
// Prints a line for each attack; fails if one takes more than twice what is counted, or if it stays.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "log.h"
#include "state.h"

using namespace wasmpoll;

namespace {

constexpr double kBound = 64 << 20;

double ResidentBytes() {
  FILE* const file = fopen("/proc/self/statm", "r");
  long pages = 0;
  long resident = 0;
  if (file == nullptr || fscanf(file, "%ld %ld", &pages, &resident) != 2) return 0;
  fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class Attack {
 public:
  Attack() : state_({kBound, kBound, kBound, 1 << 30}) {
    for (const int seat : {0, 1}) state_.Open(seat, -1, close);
    seat_ = state_.At(0);
  }

  void Do(const Log::Fields& fields, std::string_view first, std::string_view second = {}) {
    log_.Clear();
    log_.Add(fields, first, second);
    log_.Read(&scratch_.records);
    state_.Commit(*seat_, &scratch_, now_++);
  }
  // At a seat that takes nothing.
  void DoElsewhere(const Log::Fields& fields, std::string_view first) {
    log_.Clear();
    log_.Add(fields, first, {});
    log_.Read(&scratch_.records);
    state_.Commit(*state_.At(1), &scratch_, now_++);
  }
  bool Fits(const Log::Fields& fields, std::string_view first, std::string_view second = {}) {
    log_.Clear();
    log_.Add(fields, first, second);
    log_.Read(&scratch_.records);
    return state_.Check(*seat_, scratch_.records[0], 0) == kStatusOk;
  }
  // Until a bound is reached.
  void Fill(const std::function<Log::Fields(int)>& fields, const std::function<std::string(int)>& first,
            std::string_view second = {}) {
    for (int index = 1; Fits(fields(index), first(index), second); ++index) {
      Do(fields(index), first(index), second);
    }
  }
  void LeaveAll(int handle) { state_.LeaveAll(*seat_, handle); }
  void Take() {
    int32_t block[kBlock];
    static char bytes[1 << 17];
    while (state_.Take(*seat_, {block, bytes, sizeof bytes}, now_) != 0) continue;
  }
  double Count(int column) {
    double columns[kCounts];
    state_.Count(columns);
    return columns[column];
  }

 private:
  State state_;
  std::shared_ptr<Seat> seat_;
  Log log_;
  State::Scratch scratch_;
  double now_ = 0;
};

int failures = 0;

// In a process of its own, so that one attack's memory is not another's. `least` is what may be taken whatever
// is counted.
void Measure(const char* name, int column, const std::function<void(Attack*)>& run, double least = 4 << 20) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    auto* const attack = new Attack;
    const double before = ResidentBytes();
    run(attack);
    const double taken = ResidentBytes() - before;
    const double counted = attack->Count(column);
    delete attack;
    malloc_trim(0);
    const double left = ResidentBytes() - before;
    const bool ok = taken <= std::max(2 * counted, least) && left <= least;
    printf("%-44s counted %6.1f MiB, taken %6.1f, ratio %4.2f, left %4.1f%s\n", name,
           counted / (1 << 20), taken / (1 << 20), taken / std::max(counted, 1.0), left / (1 << 20),
           ok ? "" : "  TOO MUCH");
    fflush(stdout);
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  failures += status != 0;
}

std::string Name(int index) { return std::to_string(index); }
Log::Fields Join(int handle, int flags = 0) { return {kOpJoin, handle, 0, flags}; }

}  // namespace

int main() {
  const auto one = [](int) { return std::string("a"); };
  Measure("topics of one member, who is the same", kCountGroupBytes, [](Attack* attack) {
    attack->Fill([](int) { return Join(1); }, Name);
  });
  Measure("topics of one member each", kCountGroupBytes, [](Attack* attack) {
    attack->Fill([](int index) { return Join(index); }, Name);
  });
  Measure("members of one topic", kCountGroupBytes, [&](Attack* attack) {
    attack->Fill([](int index) { return Join(index); }, one);
  });
  Measure("members of one topic, half of whom leave", kCountGroupBytes, [&](Attack* attack) {
    attack->Fill([](int index) { return Join(index); }, one);
    const int members = static_cast<int>(attack->Count(kCountMembers));
    for (int handle = 1; handle <= members; handle += 2) attack->LeaveAll(handle);
  }, 100 << 20);
  const int shared = kFlagPattern | kFlagShared;
  Measure("members of one share", kCountGroupBytes, [&](Attack* attack) {
    attack->Fill([&](int index) { return Join(index, shared); }, [](int) { return std::string("s/a"); });
  });
  Measure("shares of one member, who is the same", kCountGroupBytes, [&](Attack* attack) {
    attack->Fill([&](int) { return Join(1, shared); }, [](int index) { return Name(index) + "/a"; });
  });
  Measure("shares with names of 1,000 bytes", kCountGroupBytes, [&](Attack* attack) {
    attack->Fill([&](int) { return Join(1, shared); },
                 [](int index) { return std::string(990, 's') + Name(index) + "/a"; });
  });
  Measure("retained messages that shares have chosen for", kCountGroupBytes, [&](Attack* attack) {
    for (int index = 1; index <= 1000; ++index) attack->Do(Join(1, shared), Name(index) + "/#");
    for (int index = 1; index <= 10000; ++index) {
      attack->Do({kOpPublish, 0, 0, kFlagRetain}, Name(index), "data");
      attack->Take();
    }
  });
  Measure("choices of shares that a stuck seat holds", kCountQueueBytes, [&](Attack* attack) {
    for (int index = 1; index <= 1000; ++index) {
      attack->Do(Join(1, shared), Name(index) + "/#");
      attack->DoElsewhere(Join(1, shared), Name(index) + "/#");
    }
    for (int index = 1; index <= 10000; ++index) {
      attack->Do({kOpPublish}, "a", "data");
      attack->Take();
    }
  }, 32 << 20);
  Measure("patterns of one level", kCountGroupBytes, [](Attack* attack) {
    attack->Fill([](int) { return Join(1, kFlagPattern); }, Name);
  });
  Measure("patterns of 500 levels", kCountGroupBytes, [](Attack* attack) {
    attack->Fill([](int) { return Join(1, kFlagPattern); }, [](int index) {
      std::string pattern = Name(index);
      while (pattern.size() < 1000) pattern += "/+";
      return pattern;
    });
  });
  Measure("patterns of levels of 16 bytes", kCountGroupBytes, [](Attack* attack) {
    attack->Fill([](int) { return Join(1, kFlagPattern); }, [](int index) {
      const std::string level = "/0123456789012345";
      std::string pattern = Name(index);
      while (pattern.size() < 1000) pattern += level;
      return pattern;
    });
  });
  for (const size_t size : {size_t{1}, size_t{65000}}) {
    const std::string data(size, 'd');
    Measure(size == 1 ? "retained messages of 1 byte" : "retained messages of 65,000 bytes",
            kCountGroupBytes, [&](Attack* attack) {
              attack->Fill([](int) { return Log::Fields{kOpPublish, 0, 0, kFlagRetain}; }, Name, data);
            });
  }
  Measure("one retained message, 3,000,000 times", kCountGroupBytes, [&](Attack* attack) {
    for (int i = 0; i < 3000000; ++i) attack->Do({kOpPublish, 0, 0, kFlagRetain}, "a", "data");
  });
  Measure("joining and leaving, 3,000,000 times", kCountGroupBytes, [&](Attack* attack) {
    for (int i = 0; i < 3000000; ++i) {
      attack->Do(Join(1), Name(i % 1000));
      attack->Do({kOpLeave, 1}, Name(i % 1000));
    }
  });
  Measure("keys of a few bytes with an end", kCountStoreBytes, [](Attack* attack) {
    for (int i = 0; i < 600000; ++i) attack->Do({kOpPut, 0, 0, 0, 1000000000}, Name(i), "v");
  });
  Measure("values of 65,000 bytes", kCountStoreBytes, [](Attack* attack) {
    const std::string value(65000, 'v');
    for (int i = 0; i < 2000; ++i) attack->Do({kOpPut, 0, 0, 0}, Name(i), value);
  });
  Measure("3,000,000 puts to one key with an end", kCountStoreBytes, [](Attack* attack) {
    for (int i = 0; i < 3000000; ++i) {
      attack->Do({kOpPut, 0, 0, 0, static_cast<uint32_t>(1000000 + i)}, "key", "value");
    }
  });
  for (const size_t size : {size_t{1}, size_t{60000}}) {
    const std::string data(size, 'd');
    Measure(size == 1 ? "messages of 1 byte that wait" : "messages of 60,000 bytes that wait",
            kCountQueueBytes, [&](Attack* attack) {
              attack->Do(Join(1), "a");
              for (int i = 0; i < 2000000; ++i) attack->Do({kOpPublish}, "a", data);
            });
  }
  Measure("gaps of many topics that wait", kCountQueueBytes, [&](Attack* attack) {
    attack->Do(Join(1, kFlagPattern), "#");
    for (int i = 0; i < 3000000; ++i) attack->Do({kOpPublish}, Name(i), "d");
  });
  Measure("replies without bytes that wait", kCountQueueBytes, [](Attack* attack) {
    for (int i = 0; i < 1000000; ++i) attack->Do({kOpGet, 1 + i}, "key");
  }, 256 << 20);
  Measure("replies with the same large value", kCountQueueBytes, [](Attack* attack) {
    attack->Do({kOpPut}, "key", std::string(60000, 'v'));
    for (int i = 0; i < 100000; ++i) attack->Do({kOpGet, 1}, "key");
  });
  Measure("retained ones that are to follow joins", kCountQueueBytes, [](Attack* attack) {
    attack->Do({kOpPublish, 0, 0, kFlagRetain}, "a", "data");
    for (int i = 0; i < 3000000; ++i) attack->Do(Join(1), "a");
  });
  return failures == 0 ? 0 : 1;
}
