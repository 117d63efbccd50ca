// The one way to make a system call: EINTR is retried and errno becomes a negative result.
// Knows nothing of JavaScript and decides nothing.
#pragma once

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace wasmpoll {

// Runs `call` until it is not cut short by a signal; its result, or −errno. Counts fit an int
// because Linux moves at most 0x7ffff000 bytes in one call (read(2), NOTES).
template <typename Call>
inline int Retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return static_cast<int>(result);
    const int error = errno;
    if (error != EINTR) return -error;
  }
}

// For a call that is not to be made again: its result, or −errno.
inline int Check(int result) {
  if (result >= 0) return result;
  const int error = errno;
  return -error;
}

// close(2) is not retried: Linux has released the number even when it reports EINTR.
inline int CloseOnce(int fd) {
  if (close(fd) == 0) return 0;
  const int error = errno;
  return error == EINTR ? 0 : -error;
}

// A descriptor that is closed unless somebody takes it.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    const int fd = Release();
    if (fd >= 0) CloseOnce(fd);
  }

 private:
  int fd_;
};

}  // namespace wasmpoll
