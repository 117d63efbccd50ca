// The eventfd of a seat. Each who may ring it holds it, and the last one closes it: its number is nobody
// else's as long as somebody may write to it. Knows a descriptor, and not what it wakes.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "syscall.h"

namespace wasmpoll {

class Wake {
 public:
  using Close = int (*)(int fd);

  Wake(int fd, Close close) : fd_(fd), close_(close) {}
  ~Wake() { close_(fd_); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // EAGAIN would mean that the counter is full, so it is readable.
  void Ring() const {
    const uint64_t one = 1;
    Retry([&] { return write(fd_, &one, sizeof one); });
  }

 private:
  const int fd_;
  const Close close_;
};

// Those to be rung once all locks are released.
class Wakes {
 public:
  void Add(const std::shared_ptr<Wake>& wake) {
    if (wake) wakes_.push_back(wake);
  }
  void Ring() {
    for (const std::shared_ptr<Wake>& wake : std::exchange(wakes_, {})) wake->Ring();
  }

 private:
  std::vector<std::shared_ptr<Wake>> wakes_;
};

}  // namespace wasmpoll
