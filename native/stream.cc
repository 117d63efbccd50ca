// recv, send, read and write on a checked range of a view; pipes, socket pairs, eventfds and
// duplicates.
#include "stream.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "arguments.h"
#include "error.h"
#include "ownership.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

constexpr int kHighestErrno = 4095;

// An empty read could not be told from the end of the stream; an empty write is harmless.
constexpr size_t kShortestRead = 1;

template <typename Call>
Napi::Value Transfer(const Napi::CallbackInfo& info, const char* function, size_t shortest,
                     Call call) {
  Arguments arguments(info, function);
  const int fd = arguments.Fd(0);
  const Bytes bytes = arguments.Range(1, shortest);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Retry([&] { return call(fd, bytes); }));
}

Napi::Value Recv(const Napi::CallbackInfo& info) {
  return Transfer(info, "recv", kShortestRead,
                  [](int fd, Bytes bytes) { return recv(fd, bytes.data, bytes.length, 0); });
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  return Transfer(info, "send", 0, [](int fd, Bytes bytes) {
    return send(fd, bytes.data, bytes.length, MSG_NOSIGNAL);
  });
}

Napi::Value Read(const Napi::CallbackInfo& info) {
  return Transfer(info, "read", kShortestRead,
                  [](int fd, Bytes bytes) { return read(fd, bytes.data, bytes.length); });
}

Napi::Value Write(const Napi::CallbackInfo& info) {
  return Transfer(info, "write", 0,
                  [](int fd, Bytes bytes) { return write(fd, bytes.data, bytes.length); });
}

Napi::Value Pair(Napi::Env env, int error, const int (&fds)[2]) {
  if (error < 0) return Integer(env, error);
  const Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(uint32_t{0}, Integer(env, Own(env, fds[0])));
  pair.Set(uint32_t{1}, Integer(env, Own(env, fds[1])));
  return pair;
}

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  int fds[2];
  const int error = Retry([&] {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
  });
  return Pair(info.Env(), error, fds);
}

Napi::Value Pipe(const Napi::CallbackInfo& info) {
  int fds[2];
  const int error = Retry([&] { return pipe2(fds, O_NONBLOCK | O_CLOEXEC); });
  return Pair(info.Env(), error, fds);
}

Napi::Value EventFd(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "eventfd");
  const uint32_t initial = arguments.Unsigned(0, "initial");
  if (arguments.Failed()) return {};
  const int made = Retry([&] { return eventfd(initial, EFD_NONBLOCK | EFD_CLOEXEC); });
  return Integer(info.Env(), Own(info.Env(), made));
}

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dup");
  const int fd = arguments.Fd(0);
  const int lowest = arguments.Fd(1, "lowest");
  if (arguments.Failed()) return {};
  const int made = Retry([&] { return fcntl(fd, F_DUPFD_CLOEXEC, lowest); });
  return Integer(info.Env(), Own(info.Env(), made));
}

// dup3(2) refuses equal numbers, where dup2(2) does nothing to an open one.
Napi::Value DuplicateTo(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dup2");
  const int fd = arguments.Fd(0);
  const int target = arguments.Fd(1, "target");
  if (arguments.Failed()) return {};
  if (fd == target) return Integer(info.Env(), Retry([&] { return dup2(fd, target); }));
  const int made = Retry([&] { return dup3(fd, target, O_CLOEXEC); });
  return Integer(info.Env(), Own(info.Env(), made));
}

Napi::Value ErrorNameOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "errorName");
  const int error = arguments.Int(0, "errno", -kHighestErrno, kHighestErrno);
  if (arguments.Failed()) return {};
  return Napi::String::New(info.Env(), ErrorName(error));
}

Napi::Value SystemErrorOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "systemError");
  const std::string syscall = arguments.Text(0, "syscall");
  const int error = arguments.Int(1, "errno", -kHighestErrno, kHighestErrno);
  const bool plain = info.Length() < 3 || info[2].IsUndefined();
  const std::string detail = plain ? std::string() : arguments.Text(2, "detail");
  if (arguments.Failed()) return {};
  return SystemError(info.Env(), syscall, error, detail).Value();
}

}  // namespace

void RegisterStream(Napi::Env env, Napi::Object exports) {
  exports.Set("recv", Napi::Function::New<Recv>(env, "recv"));
  exports.Set("send", Napi::Function::New<Send>(env, "send"));
  exports.Set("read", Napi::Function::New<Read>(env, "read"));
  exports.Set("write", Napi::Function::New<Write>(env, "write"));
  exports.Set("socketpair", Napi::Function::New<SocketPair>(env, "socketpair"));
  exports.Set("pipe", Napi::Function::New<Pipe>(env, "pipe"));
  exports.Set("eventfd", Napi::Function::New<EventFd>(env, "eventfd"));
  exports.Set("dup", Napi::Function::New<Duplicate>(env, "dup"));
  exports.Set("dup2", Napi::Function::New<DuplicateTo>(env, "dup2"));
  exports.Set("errorName", Napi::Function::New<ErrorNameOf>(env, "errorName"));
  exports.Set("systemError", Napi::Function::New<SystemErrorOf>(env, "systemError"));
}

}  // namespace wasmpoll
