// Start-up calls throw Node's form of a system error; the others answer a result or −errno.
#include "listener.h"

#include <climits>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
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
// The highest number of all stands for none.
constexpr double kHighestId = 4294967294;

int Switch(int fd, int level, int option, int value) {
  return Check(setsockopt(fd, level, option, &value, sizeof value));
}

// −1 becomes the number that chown(2) takes for "as it is".
uint32_t IdOf(double id) { return static_cast<uint32_t>(static_cast<int64_t>(id)); }

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
  Address address;
  if (ParseIp(host, static_cast<uint16_t>(port), &address) < 0) {
    arguments.OutOfRange("address must be a numeric IPv4 or IPv6 address, got '" + host + "'");
    return {};
  }
  const bool v6 = address.family() == AF_INET6;
  Descriptor fd(Check(socket(address.family(), kStream, 0)));
  int error = fd.get();
  if (error >= 0) error = Switch(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // Set either way, since the default is a sysctl (net.ipv6.bindv6only).
  if (error >= 0 && v6) error = Switch(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, v6only);
  if (error >= 0) error = BindAndListen(fd.get(), address, backlog);
  if (error < 0) {
    const std::string shown = v6 ? "[" + host + "]" : host;
    ThrowSystem(info.Env(), "listen", error, shown + ":" + std::to_string(port));
    return {};
  }
  return Integer(info.Env(), Own(info.Env(), fd.Release()));
}

// What a socket's file is to be like; −1 leaves an id as it is.
struct FileForm {
  mode_t mode;
  uid_t owner;
  gid_t group;
};

// bind(2) gives the file the socket's own mode less the umask, so the file never has more than
// `mode`. What the umask took is given back here, through a descriptor so that a symbolic link put
// in its place meanwhile is not followed. `status` is the file's.
int Shape(const std::string& path, const FileForm& form, struct stat* status) {
  const Descriptor file(
      Retry([&] { return open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  if (file.get() < 0) return file.get();
  if (fstat(file.get(), status) < 0) return Check(-1);
  if (!S_ISSOCK(status->st_mode)) return 0;
  const uid_t nobody = static_cast<uid_t>(-1);
  if (form.owner != nobody || form.group != static_cast<gid_t>(-1)) {
    const int given = Check(fchownat(file.get(), "", form.owner, form.group, AT_EMPTY_PATH));
    if (given < 0) return given;
  } else if ((status->st_mode & kPermissionBits) == form.mode) {
    return 0;
  }
  const std::string handle = "/proc/self/fd/" + std::to_string(file.get());
  return Check(chmod(handle.c_str(), form.mode));
}

// Nobody can connect before listen(2), whatever the file looks like until then.
int ListenOnPath(int fd, const Address& address, const std::string& path, const FileForm& form,
                 int backlog, struct stat* status) {
  int error = Check(fchmod(fd, form.mode));
  if (error >= 0) error = Check(bind(fd, address.get(), address.length));
  if (error < 0) return error;
  error = Shape(path, form, status);
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
  const auto id = [&](size_t index, const char* name) {
    return info[index].IsUndefined() ? -1 : arguments.Number(index, name, -1, kHighestId);
  };
  const double owner = id(3, "owner");
  const double group = id(4, "group");
  const auto address = UnixAddress(path);
  if (!arguments.Failed() && !address) {
    arguments.OutOfRange("path must be 1 to " + std::to_string(kLongestPath) + " bytes, got " +
                         std::to_string(path.size()));
  }
  if (arguments.Failed()) return {};
  Descriptor fd(Check(socket(AF_UNIX, kStream, 0)));
  int error = fd.get();
  struct stat status{};
  // An abstract socket has no file.
  if (error >= 0 && path.front() == '@') {
    error = BindAndListen(fd.get(), *address, backlog);
  } else if (error >= 0) {
    const FileForm form{static_cast<mode_t>(mode), IdOf(owner), IdOf(group)};
    error = ListenOnPath(fd.get(), *address, path, form, backlog, &status);
  }
  if (error < 0) {
    ThrowSystem(info.Env(), "listen", error, path);
    return {};
  }
  Own(info.Env(), fd.get());
  if (S_ISSOCK(status.st_mode)) OwnFile(fd.get(), AbsolutePath(path), status);
  return Integer(info.Env(), fd.Release());
}

// accept4(2) that also tells the peer: 16 bytes of address, IPv4 as ::ffff:a.b.c.d, and its port in two. Of
// another family it is zeros.
Napi::Value AcceptFrom(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "acceptFrom");
  const int fd = arguments.Fd(0);
  size_t size = 0;
  auto* const peer = static_cast<uint8_t*>(arguments.View(1, "peer", napi_uint8_array, &size));
  if (!arguments.Failed() && size < kPeerBytes) {
    arguments.OutOfRange("peer must have " + std::to_string(kPeerBytes) + " bytes");
  }
  if (arguments.Failed()) return {};
  Address address;
  address.length = sizeof address.storage;
  const int accepted = Retry([&] {
    return accept4(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  });
  if (accepted >= 0) WritePeer(address, peer);
  return Integer(info.Env(), Own(info.Env(), accepted));
}

// What a program that this one starts must not have.
Napi::Value CloseOnExec(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "closeOnExec");
  const int fd = arguments.Fd(0);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), Check(fcntl(fd, F_SETFD, FD_CLOEXEC)));
}

// The calls getpwnam_r(3) and getgrnam_r(3) need room for texts that nobody looks at.
template <typename Record, typename Lookup>
Napi::Value IdByName(const Napi::CallbackInfo& info, const char* function, Lookup lookup) {
  Arguments arguments(info, function);
  const std::string name = arguments.Text(0, "name");
  if (arguments.Failed()) return {};
  std::vector<char> texts(1024);
  for (;;) {
    Record record{};
    Record* found = nullptr;
    const int error = lookup(name.c_str(), &record, texts.data(), texts.size(), &found);
    if (error == ERANGE && texts.size() < (1u << 20)) {
      texts.resize(2 * texts.size());
      continue;
    }
    if (found == nullptr) return Integer(info.Env(), error == 0 ? -ENOENT : -error);
    if constexpr (std::is_same_v<Record, passwd>) {
      return Napi::Number::New(info.Env(), record.pw_uid);
    } else {
      return Napi::Number::New(info.Env(), record.gr_gid);
    }
  }
}

Napi::Value UserId(const Napi::CallbackInfo& info) {
  return IdByName<passwd>(info, "userId", getpwnam_r);
}

Napi::Value GroupId(const Napi::CallbackInfo& info) {
  return IdByName<group>(info, "groupId", getgrnam_r);
}

}  // namespace

void RegisterListener(Napi::Env env, Napi::Object exports) {
  exports.Set("listenTcp", Napi::Function::New<ListenTcp>(env, "listenTcp"));
  exports.Set("listenUnix", Napi::Function::New<ListenUnix>(env, "listenUnix"));
  exports.Set("acceptFrom", Napi::Function::New<AcceptFrom>(env, "acceptFrom"));
  exports.Set("closeOnExec", Napi::Function::New<CloseOnExec>(env, "closeOnExec"));
  exports.Set("userId", Napi::Function::New<UserId>(env, "userId"));
  exports.Set("groupId", Napi::Function::New<GroupId>(env, "groupId"));
}

}  // namespace wasmpoll
