// epoll_create1, epoll_ctl and epoll_wait. A closed set answers −EBADF, as a closed descriptor
// does.
#include "epoll.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>
#include <string>
#include <utility>

#include <sys/ioctl.h>

#include "arguments.h"
#include "error.h"
#include "method.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

// Methods need no check of `this`: napi_define_class gives them a V8 signature, so V8 itself
// refuses other receivers with a TypeError. Accessors get none, hence this tag.
constexpr napi_type_tag kEpollTag = {0x5b1f0c2e9d6a4f37, 0xa8c3e1740b5d2f96};

// More than this in one wait would make one batch starve the event loop, and bounds the memory.
constexpr size_t kMostEvents = 65536;

constexpr int64_t kNanosecondsPerMs = 1000000;

int64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 * kNanosecondsPerMs + now.tv_nsec;
}

int WaitFor(int fd, epoll_event* events, int count, int timeoutMs) {
  if (timeoutMs <= 0) return Retry([&] { return epoll_wait(fd, events, count, timeoutMs); });
  const int64_t end = MonotonicNs() + timeoutMs * kNanosecondsPerMs;
  return Retry([&] {
    const int result = epoll_wait(fd, events, count, timeoutMs);
    if (result < 0 && errno == EINTR) {
      const int64_t left = end - MonotonicNs() + kNanosecondsPerMs - 1;
      timeoutMs = static_cast<int>(std::max<int64_t>(0, left / kNanosecondsPerMs));
      errno = EINTR;
    }
    return result;
  });
}

// Writable, as the methods of a JavaScript class are, so that a test can count calls.
constexpr napi_property_attributes kMethod = napi_default_method;

}  // namespace

void Epoll::Register(Napi::Env env, Napi::Object exports) {
  napi_property_descriptor fd{};
  fd.utf8name = "fd";
  fd.getter = GetFd;
  fd.attributes = napi_enumerable;
  exports.Set("Epoll", DefineClass(env, "Epoll",
                                   {
                                       Napi::ClassPropertyDescriptor<Epoll>(fd),
                                       InstanceMethod<&Epoll::Add>("add", kMethod),
                                       InstanceMethod<&Epoll::Modify>("modify", kMethod),
                                       InstanceMethod<&Epoll::Remove>("remove", kMethod),
                                       InstanceMethod<&Epoll::Close>("close", kMethod),
                                   }));
}

Epoll::Epoll(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Epoll>(info) {
  if (info.Length() > 0 && !info[0].IsUndefined()) {
    Arguments arguments(info, "Epoll");
    fd_ = arguments.Fd(0);
    if (arguments.Failed()) return;
  } else {
    fd_ = Retry([] { return epoll_create1(EPOLL_CLOEXEC); });
    if (fd_ < 0) {
      ThrowSystem(info.Env(), "epoll_create1", fd_, {});
      return;
    }
    Own(info.Env(), fd_);
    owner_ = OwnerIn(info.Env());
    time_ = TimesOwned(fd_);
  }
  napi_type_tag_object(info.Env(), info.This(), &kEpollTag);
  DefineMethod(info.This().As<Napi::Object>(), "wait", Wait, this);
  DefineMethod(info.This().As<Napi::Object>(), "waitReady", WaitReady, this);
}

napi_value Epoll::GetFd(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  bool ours = false;
  napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr);
  if (napi_check_object_type_tag(env, self, &kEpollTag, &ours) != napi_ok || !ours) {
    ThrowType(env, "Epoll.fd: this must be an Epoll");
    return nullptr;
  }
  // Null in a thread that is being terminated.
  const Epoll* const epoll = Unwrap(Napi::Object(env, self));
  return epoll == nullptr ? nullptr : static_cast<napi_value>(Integer(env, epoll->fd_));
}

Napi::Value Epoll::Add(const Napi::CallbackInfo& info) {
  return Control(info, EPOLL_CTL_ADD, "Epoll.add");
}

Napi::Value Epoll::Modify(const Napi::CallbackInfo& info) {
  return Control(info, EPOLL_CTL_MOD, "Epoll.modify");
}

Napi::Value Epoll::Remove(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Epoll.remove");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr); }));
}

// What (events, timeoutMs) ask for; the events are in events_, and `out` is where they are wanted.
int Epoll::WaitInto(Arguments* arguments, int columns, uint32_t** out) {
  size_t length = 0;
  *out = static_cast<uint32_t*>(arguments->View(0, "events", napi_uint32_array, &length));
  const int timeoutMs = arguments->Int(1, "timeoutMs", -1, INT_MAX);
  const size_t room = std::min(length / columns, kMostEvents);
  if (!arguments->Failed() && room == 0) {
    arguments->OutOfRange("events must have room for one event, which takes " +
                          std::to_string(columns) + " elements");
  }
  if (arguments->Failed()) return 0;
  if (!Reserve(room)) return -ENOMEM;
  return WaitFor(fd_, events_.get(), static_cast<int>(room), timeoutMs);
}

napi_value Epoll::Wait(napi_env env, napi_callback_info info) {
  void* self = nullptr;
  Arguments arguments(env, info, "Epoll.wait", &self);
  Epoll* const epoll = static_cast<Epoll*>(self);
  uint32_t* out = nullptr;
  const int count = epoll->WaitInto(&arguments, kEvent, &out);
  if (arguments.Failed()) return nullptr;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = epoll->events_[i];
    *out++ = static_cast<uint32_t>(event.data.u64);
    *out++ = static_cast<uint32_t>(event.data.u64 >> 32);
    *out++ = event.events;
  }
  return Integer(env, count);
}

napi_value Epoll::WaitReady(napi_env env, napi_callback_info info) {
  void* self = nullptr;
  Arguments arguments(env, info, "Epoll.waitReady", &self);
  Epoll* const epoll = static_cast<Epoll*>(self);
  uint32_t* out = nullptr;
  const int count = epoll->WaitInto(&arguments, kReady, &out);
  if (arguments.Failed()) return nullptr;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = epoll->events_[i];
    const auto fd = static_cast<uint32_t>(event.data.u64);
    int bytes = 0;
    // A listener has no such number, and leaves 0.
    if ((event.events & EPOLLIN) != 0) ioctl(static_cast<int>(fd), FIONREAD, &bytes);
    *out++ = fd;
    *out++ = static_cast<uint32_t>(event.data.u64 >> 32);
    *out++ = event.events;
    *out++ = static_cast<uint32_t>(std::max(0, bytes));
  }
  return Integer(env, count);
}

void Epoll::Close(const Napi::CallbackInfo&) {
  const int fd = std::exchange(fd_, -1);
  if (owner_ != 0 && fd >= 0) CloseOwned(fd);
}

// The number may have been closed by itself, or with the environment, and be another descriptor's by now,
// even one of the same owner.
Epoll::~Epoll() {
  if (owner_ == 0 || fd_ < 0 || TimesOwned(fd_) != time_) return;
  if (Claim(owner_, fd_)) CloseOnce(fd_);
}

Napi::Value Epoll::Control(const Napi::CallbackInfo& info, int operation, const char* function) {
  Arguments arguments(info, function);
  const int fd = arguments.Fd(0);
  epoll_event event{};
  event.events = arguments.Unsigned(1, "mask");
  const uint64_t low = arguments.Unsigned(2, "tokenLow");
  const uint64_t high = arguments.Unsigned(3, "tokenHigh");
  if (arguments.Failed()) return {};
  event.data.u64 = high << 32 | low;
  return Integer(info.Env(), Retry([&] { return epoll_ctl(fd_, operation, fd, &event); }));
}

// The kernel's record is packed on x86-64 only, so events take a detour over this array.
bool Epoll::Reserve(size_t count) {
  if (count <= capacity_) return true;
  events_.reset(new (std::nothrow) epoll_event[count]);
  capacity_ = events_ ? count : 0;
  return events_ != nullptr;
}

}  // namespace wasmpoll
