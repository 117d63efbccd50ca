// openat2, lseek, fcntl, flock, poll, clock_gettime and pthread_getcpuclockid, each as it is.
#include "file.h"

#include <ctime>

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "arguments.h"
#include "ownership.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

constexpr double kMostBytes = 9007199254740991;
constexpr int kPermissionBits = 0777;
constexpr int kNanoseconds = 1000000000;

// The kernel itself refuses whatever would lead out of the folder, at the moment when it happens:
// `..`, absolute paths, symbolic links, and links that are exchanged meanwhile.
Napi::Value OpenBeneath(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "openBeneath");
  const int folder = arguments.Fd(0, "folder");
  const std::string path = arguments.Text(1, "path");
  const int flags = arguments.Int(2, "flags", 0, INT_MAX);
  const int mode = arguments.Int(3, "mode", 0, kPermissionBits);
  if (arguments.Failed()) return {};
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = static_cast<uint64_t>(mode);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const int opened =
      Retry([&] { return syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how); });
  return Integer(info.Env(), Own(info.Env(), opened));
}

// A position is a double, or −errno.
Napi::Value Seek(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "seek");
  const int fd = arguments.Fd(0);
  const double offset = arguments.Number(1, "offset", -kMostBytes, kMostBytes);
  const int whence = arguments.Int(2, "whence", 0, INT_MAX);
  if (arguments.Failed()) return {};
  const off_t position = lseek(fd, static_cast<off_t>(offset), whence);
  const int error = errno;
  return Napi::Number::New(info.Env(), position < 0 ? -error : static_cast<double>(position));
}

// A time in whole seconds and nanoseconds; −1 ns stands for now, −2 ns for as it is.
timespec Time(Arguments* arguments, size_t index, const char* name) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(arguments->Number(index, name, -kMostBytes, kMostBytes));
  const int nanoseconds = arguments->Int(index + 1, name, -2, kNanoseconds - 1);
  time.tv_nsec = nanoseconds == -1 ? UTIME_NOW : nanoseconds == -2 ? UTIME_OMIT : nanoseconds;
  return time;
}

// Node's own takes seconds as a double, which has no room for nanoseconds.
Napi::Value SetTimes(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "setTimes");
  const std::string path = arguments.Text(0, "path");
  const timespec times[2] = {Time(&arguments, 1, "access"), Time(&arguments, 3, "modification")};
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return utimensat(AT_FDCWD, path.c_str(), times, 0); }));
}

Napi::Value GetFlags(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "getFlags");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return fcntl(fd, F_GETFL); }));
}

Napi::Value SetFlags(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "setFlags");
  const int fd = arguments.Fd(0);
  const int flags = arguments.Int(1, "flags", 0, INT_MAX);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return fcntl(fd, F_SETFL, flags); }));
}

// An exclusive lock, by flock(2), if nobody else has it; it lasts until the descriptor is closed.
Napi::Value TryLock(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "tryLock");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return flock(fd, LOCK_EX | LOCK_NB); }));
}

// Two descriptors, of which the second one (−1 for none) only ends the wait. A signal ends it, too.
Napi::Value Poll(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "poll");
  pollfd fds[2]{};
  fds[0].fd = arguments.Fd(0);
  fds[0].events = static_cast<short>(arguments.Int(1, "mask", 0, SHRT_MAX));
  fds[1].fd = arguments.Int(2, "wake", -1, INT_MAX);
  fds[1].events = POLLIN;
  const int timeout_ms = arguments.Int(3, "timeoutMs", -1, INT_MAX);
  if (arguments.Failed()) return {};
  const int result = poll(fds, 2, timeout_ms);
  const int error = errno;
  if (result < 0) return Integer(info.Env(), error == EINTR ? 0 : -error);
  return Integer(info.Env(), fds[0].revents);
}

template <int (*call)(clockid_t, timespec*)>
Napi::Value Clock(const Napi::CallbackInfo& info, const char* function) {
  Arguments arguments(info, function);
  const int clock = arguments.Int(0, "clock", INT_MIN, INT_MAX);
  size_t length = 0;
  auto* const out = static_cast<uint32_t*>(arguments.View(1, "out", napi_uint32_array, &length));
  if (!arguments.Failed() && length < 2) arguments.OutOfRange("out must have two elements");
  if (arguments.Failed()) return {};
  timespec time{};
  const int error = Retry([&] { return call(clock, &time); });
  if (error < 0) return Integer(info.Env(), error);
  const uint64_t nanoseconds =
      static_cast<uint64_t>(time.tv_sec) * uint64_t{kNanoseconds} + static_cast<uint64_t>(time.tv_nsec);
  out[0] = static_cast<uint32_t>(nanoseconds);
  out[1] = static_cast<uint32_t>(nanoseconds >> 32);
  return Integer(info.Env(), 0);
}

Napi::Value ClockTime(const Napi::CallbackInfo& info) {
  return Clock<clock_gettime>(info, "clockTime");
}

Napi::Value ClockResolution(const Napi::CallbackInfo& info) {
  return Clock<clock_getres>(info, "clockResolution");
}

Napi::Value ThreadClock(const Napi::CallbackInfo& info) {
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
  const int error = pthread_getcpuclockid(pthread_self(), &clock);
  return Integer(info.Env(), error == 0 ? clock : 0);
}

}  // namespace

void RegisterFile(Napi::Env env, Napi::Object exports) {
  exports.Set("openBeneath", Napi::Function::New<OpenBeneath>(env, "openBeneath"));
  exports.Set("seek", Napi::Function::New<Seek>(env, "seek"));
  exports.Set("setTimes", Napi::Function::New<SetTimes>(env, "setTimes"));
  exports.Set("getFlags", Napi::Function::New<GetFlags>(env, "getFlags"));
  exports.Set("setFlags", Napi::Function::New<SetFlags>(env, "setFlags"));
  exports.Set("tryLock", Napi::Function::New<TryLock>(env, "tryLock"));
  exports.Set("poll", Napi::Function::New<Poll>(env, "poll"));
  exports.Set("clockTime", Napi::Function::New<ClockTime>(env, "clockTime"));
  exports.Set("threadClock", Napi::Function::New<ThreadClock>(env, "threadClock"));
  exports.Set("clockResolution", Napi::Function::New<ClockResolution>(env, "clockResolution"));
}

}  // namespace wasmpoll
