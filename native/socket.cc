// All calls answer a result or −errno.
#include "socket.h"

#include <cerrno>
#include <climits>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "address.h"
#include "arguments.h"
#include "ownership.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kHighestPort = 65535;

int SetOption(int fd, int level, int option, int value) {
  return Check(setsockopt(fd, level, option, &value, sizeof value));
}

Napi::Value Accept(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "accept");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  const int accepted =
      Retry([&] { return accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
  return Integer(info.Env(), Own(info.Env(), accepted));
}

// Not retried: after EINTR, as after EINPROGRESS, the kernel goes on connecting.
int Connect(const Address& address) {
  Descriptor fd(Check(socket(address.family(), kStream, 0)));
  if (fd.get() < 0) return fd.get();
  const int error = Check(connect(fd.get(), address.get(), address.length));
  if (error < 0 && error != -EINPROGRESS && error != -EINTR) return error;
  return fd.Release();
}

Napi::Value ConnectTcp(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "connectTcp");
  const std::string host = arguments.Text(0, "address");
  const int port = arguments.Int(1, "port", 0, kHighestPort);
  Address address;
  const int parsed = ParseIp(host, static_cast<uint16_t>(port), &address);
  if (!arguments.Failed() && parsed == -EINVAL) {
    arguments.OutOfRange("address must be a numeric IPv4 or IPv6 address, got '" + host + "'");
  }
  if (arguments.Failed()) return {};
  return Integer(info.Env(), parsed < 0 ? parsed : Own(info.Env(), Connect(address)));
}

Napi::Value ConnectUnix(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "connectUnix");
  const std::string path = arguments.Text(0, "path");
  const auto address = UnixAddress(path);
  if (!arguments.Failed() && !address) {
    arguments.OutOfRange("path must be 1 to " + std::to_string(kLongestPath) + " bytes, got " +
                         std::to_string(path.size()));
  }
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Own(info.Env(), Connect(*address)));
}

// One message to a datagram socket that somebody else has bound.
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "sendDatagram");
  const std::string path = arguments.Text(0, "path");
  const std::string text = arguments.Text(1, "text");
  const auto address = UnixAddress(path);
  if (!arguments.Failed() && !address) {
    arguments.OutOfRange("path must be 1 to " + std::to_string(kLongestPath) + " bytes, got " +
                         std::to_string(path.size()));
  }
  if (arguments.Failed()) return {};
  const Descriptor fd(Check(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  if (fd.get() < 0) return Integer(info.Env(), fd.get());
  const int sent = Retry([&] {
    return sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, address->get(),
                  address->length);
  });
  return Integer(info.Env(), sent);
}

Napi::Value Shutdown(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "shutdown");
  const int fd = arguments.Fd(0);
  const int how = arguments.Int(1, "how", SHUT_RD, SHUT_RDWR);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Check(shutdown(fd, how)));
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "close");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), CloseOwned(fd));
}

// Closes even what cannot linger: the caller has given the descriptor up.
Napi::Value Reset(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "reset");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  return Integer(info.Env(), CloseOwned(fd));
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

template <NameCall call>
Napi::Value Name(const Napi::CallbackInfo& info, const char* function) {
  Arguments arguments(info, function);
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  Address address;
  address.length = sizeof address.storage;
  const int error =
      Check(call(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length));
  if (error < 0) return Integer(info.Env(), error);
  const auto text = FormatAddress(address);
  if (!text) return Integer(info.Env(), -EAFNOSUPPORT);
  return Napi::String::New(info.Env(), *text);
}

int LocalName(int fd, sockaddr* address, socklen_t* length) {
  return getsockname(fd, address, length);
}
int PeerName(int fd, sockaddr* address, socklen_t* length) {
  return getpeername(fd, address, length);
}

Napi::Value LocalAddress(const Napi::CallbackInfo& info) {
  return Name<LocalName>(info, "localAddress");
}

Napi::Value PeerAddress(const Napi::CallbackInfo& info) {
  return Name<PeerName>(info, "peerAddress");
}

Napi::Value SetSocketOption(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "setOption");
  const int fd = arguments.Fd(0);
  const int level = arguments.Int(1, "level", 0, INT_MAX);
  const int option = arguments.Int(2, "option", 0, INT_MAX);
  const int value = arguments.Int(3, "value", INT_MIN, INT_MAX);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), SetOption(fd, level, option, value));
}

Napi::Value GetSocketOption(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "getOption");
  const int fd = arguments.Fd(0);
  const int level = arguments.Int(1, "level", 0, INT_MAX);
  const int option = arguments.Int(2, "option", 0, INT_MAX);
  if (arguments.Failed()) return {};
  int value = 0;
  socklen_t length = sizeof value;
  const int error = Check(getsockopt(fd, level, option, &value, &length));
  return Integer(info.Env(), error < 0 ? error : value);
}

Napi::Value FileLimit(const Napi::CallbackInfo& info) {
  rlimit limit{};
  const int error = Check(getrlimit(RLIMIT_NOFILE, &limit));
  if (error < 0) return Integer(info.Env(), error);
  const bool unlimited = limit.rlim_cur == RLIM_INFINITY;
  return Napi::Number::New(info.Env(),
                           unlimited ? HUGE_VAL : static_cast<double>(limit.rlim_cur));
}

}  // namespace

void RegisterSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("accept", Napi::Function::New<Accept>(env, "accept"));
  exports.Set("connectTcp", Napi::Function::New<ConnectTcp>(env, "connectTcp"));
  exports.Set("connectUnix", Napi::Function::New<ConnectUnix>(env, "connectUnix"));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
  exports.Set("shutdown", Napi::Function::New<Shutdown>(env, "shutdown"));
  exports.Set("close", Napi::Function::New<Close>(env, "close"));
  exports.Set("reset", Napi::Function::New<Reset>(env, "reset"));
  exports.Set("localAddress", Napi::Function::New<LocalAddress>(env, "localAddress"));
  exports.Set("peerAddress", Napi::Function::New<PeerAddress>(env, "peerAddress"));
  exports.Set("setOption", Napi::Function::New<SetSocketOption>(env, "setOption"));
  exports.Set("getOption", Napi::Function::New<GetSocketOption>(env, "getOption"));
  exports.Set("fileLimit", Napi::Function::New<FileLimit>(env, "fileLimit"));
}

}  // namespace wasmpoll
