// Start-up calls throw Node's form of a system error; the others answer a result or −errno.
#include "socket.h"

#include <climits>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "address.h"
#include "arguments.h"
#include "error.h"
#include "ownership.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kHighestPort = 65535;
constexpr int kPermissionBits = 0777;

int Check(int result) {
  if (result >= 0) return result;
  const int error = errno;
  return -error;
}

int SetOption(int fd, int level, int option, int value) {
  return Check(setsockopt(fd, level, option, &value, sizeof value));
}

int BindAndListen(int fd, const Address& address, int backlog) {
  const int bound = Check(bind(fd, address.get(), address.length));
  return bound < 0 ? bound : Check(listen(fd, backlog));
}

Napi::Value ListenTcp(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "listenTcp");
  const std::string host = arguments.Text(0, "address");
  const int port = arguments.Int(1, "port", 0, kHighestPort);
  const int v6only = arguments.Boolean(2, "v6only");
  const int backlog = arguments.Int(3, "backlog", 0, INT_MAX);
  if (arguments.Failed()) return {};
  const auto address = ParseIp(host, static_cast<uint16_t>(port));
  if (!address) {
    arguments.OutOfRange("address must be a numeric IPv4 or IPv6 address, got '" + host + "'");
    return {};
  }
  const bool v6 = address->family() == AF_INET6;
  Descriptor fd(Check(socket(address->family(), kStream, 0)));
  int error = fd.get();
  if (error >= 0) error = SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // Set either way, since the default is a sysctl (net.ipv6.bindv6only).
  if (error >= 0 && v6) error = SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, v6only);
  if (error >= 0) error = BindAndListen(fd.get(), *address, backlog);
  if (error < 0) {
    const std::string shown = v6 ? "[" + host + "]" : host;
    ThrowSystem(info.Env(), "listen", error, shown + ":" + std::to_string(port));
    return {};
  }
  return Integer(info.Env(), Own(info.Env(), fd.Release()));
}

// bind(2) gives the file the socket's own mode less the umask, so the file never has more than
// `mode`. What the umask took is given back here, through a descriptor so that a symbolic link put
// in its place meanwhile is not followed. `status` is the file's.
int WidenTo(const std::string& path, mode_t mode, struct stat* status) {
  const Descriptor file(
      Retry([&] { return open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  if (file.get() < 0) return file.get();
  if (fstat(file.get(), status) < 0) return Check(-1);
  if (!S_ISSOCK(status->st_mode) || (status->st_mode & kPermissionBits) == mode) return 0;
  const std::string handle = "/proc/self/fd/" + std::to_string(file.get());
  return Check(chmod(handle.c_str(), mode));
}

int ListenOnPath(int fd, const Address& address, const std::string& path, mode_t mode, int backlog,
                 struct stat* status) {
  int error = Check(fchmod(fd, mode));
  if (error >= 0) error = Check(bind(fd, address.get(), address.length));
  if (error < 0) return error;
  error = WidenTo(path, mode, status);
  if (error >= 0) error = Check(listen(fd, backlog));
  // The file is ours from the bind on, and nobody else would remove it.
  if (error < 0) unlink(path.c_str());
  return error;
}

// The working directory may be another one by the time the file is removed.
std::string AbsolutePath(const std::string& path) {
  char folder[PATH_MAX];
  if (path.front() == '/' || getcwd(folder, sizeof folder) == nullptr) return path;
  return std::string(folder) + '/' + path;
}

Napi::Value ListenUnix(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "listenUnix");
  const std::string path = arguments.Text(0, "path");
  const int mode = arguments.Int(1, "mode", 0, kPermissionBits);
  const int backlog = arguments.Int(2, "backlog", 0, INT_MAX);
  const auto address = UnixAddress(path);
  if (!arguments.Failed() && !address) {
    arguments.OutOfRange("path must be 1 to " + std::to_string(kLongestPath) + " bytes, got " +
                         std::to_string(path.size()));
  }
  if (arguments.Failed()) return {};
  Descriptor fd(Check(socket(AF_UNIX, kStream, 0)));
  int error = fd.get();
  struct stat status{};
  if (error >= 0) error = ListenOnPath(fd.get(), *address, path, mode, backlog, &status);
  if (error < 0) {
    ThrowSystem(info.Env(), "listen", error, path);
    return {};
  }
  Own(info.Env(), fd.get());
  if (S_ISSOCK(status.st_mode)) OwnFile(fd.get(), AbsolutePath(path), status);
  return Integer(info.Env(), fd.Release());
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
  const auto address = ParseIp(host, static_cast<uint16_t>(port));
  if (!arguments.Failed() && !address) {
    arguments.OutOfRange("address must be a numeric IPv4 or IPv6 address, got '" + host + "'");
  }
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Own(info.Env(), Connect(*address)));
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
  exports.Set("listenTcp", Napi::Function::New<ListenTcp>(env, "listenTcp"));
  exports.Set("listenUnix", Napi::Function::New<ListenUnix>(env, "listenUnix"));
  exports.Set("accept", Napi::Function::New<Accept>(env, "accept"));
  exports.Set("connectTcp", Napi::Function::New<ConnectTcp>(env, "connectTcp"));
  exports.Set("connectUnix", Napi::Function::New<ConnectUnix>(env, "connectUnix"));
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
