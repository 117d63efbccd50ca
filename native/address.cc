// sockaddr_in, sockaddr_in6 and sockaddr_un to and from text.
#include "address.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace wasmpoll {
namespace {

// Copies rather than casts, as sockaddr_storage may not be read as another type.
template <typename Form>
Address From(const Form& form, size_t length = sizeof(Form)) {
  Address address;
  memcpy(&address.storage, &form, length);
  address.length = static_cast<socklen_t>(length);
  return address;
}

template <typename Form>
Form To(const Address& address) {
  Form form{};
  memcpy(&form, &address.storage, sizeof form);
  return form;
}

// 0 is no interface.
uint32_t ScopeOf(const std::string& scope) {
  if (!scope.empty() && scope.find_first_not_of("0123456789") == std::string::npos) {
    const unsigned long long index = strtoull(scope.c_str(), nullptr, 10);
    return index <= UINT32_MAX ? static_cast<uint32_t>(index) : 0;
  }
  return if_nametoindex(scope.c_str());
}

std::string V4Text(const in_addr& host, in_port_t port) {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &host, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(port));
}

std::string V6Text(const sockaddr_in6& form) {
  if (IN6_IS_ADDR_V4MAPPED(&form.sin6_addr)) {
    in_addr host;
    memcpy(&host, form.sin6_addr.s6_addr + 12, sizeof host);
    return V4Text(host, form.sin6_port);
  }
  char text[INET6_ADDRSTRLEN];
  char interface[IF_NAMESIZE];
  inet_ntop(AF_INET6, &form.sin6_addr, text, sizeof text);
  std::string host = text;
  if (form.sin6_scope_id != 0) {
    const char* const name = if_indextoname(form.sin6_scope_id, interface);
    host += '%';
    host += name != nullptr ? std::string(name) : std::to_string(form.sin6_scope_id);
  }
  host.insert(host.begin(), '[');
  return host + "]:" + std::to_string(ntohs(form.sin6_port));
}

std::string UnixText(const Address& address) {
  const auto form = To<sockaddr_un>(address);
  const size_t start = offsetof(sockaddr_un, sun_path);
  if (address.length <= start) return "unix:";
  const size_t length = address.length - start;
  if (form.sun_path[0] == '\0') return "unix:@" + std::string(form.sun_path + 1, length - 1);
  // The kernel may or may not count a terminating NUL (unix(7), BUGS).
  return "unix:" + std::string(form.sun_path, strnlen(form.sun_path, length));
}

}  // namespace

int ParseIp(const std::string& text, uint16_t port, Address* address) {
  // Neither a host nor the name of an interface has one, and C would not see what is behind it.
  if (text.find('\0') != std::string::npos) return -EINVAL;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    *address = From(v4);
    return 0;
  }
  sockaddr_in6 v6{};
  const size_t percent = text.find('%');
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6.sin6_addr) != 1) return -EINVAL;
  if (percent != std::string::npos) {
    v6.sin6_scope_id = ScopeOf(text.substr(percent + 1));
    if (v6.sin6_scope_id == 0) return -ENODEV;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  *address = From(v6);
  return 0;
}

std::optional<Address> UnixAddress(const std::string& path) {
  if (path.empty() || path.size() > kLongestPath) return std::nullopt;
  sockaddr_un form{};
  form.sun_family = AF_UNIX;
  memcpy(form.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  // An abstract name begins with a NUL and ends with the address.
  if (abstract) form.sun_path[0] = '\0';
  return From(form, offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
}

void WritePeer(const Address& address, uint8_t* peer) {
  memset(peer, 0, kPeerBytes);
  if (address.family() == AF_INET) {
    const auto form = To<sockaddr_in>(address);
    memset(peer + 10, 0xff, 2);
    memcpy(peer + 12, &form.sin_addr, 4);
    memcpy(peer + 16, &form.sin_port, 2);
  } else if (address.family() == AF_INET6) {
    const auto form = To<sockaddr_in6>(address);
    memcpy(peer, &form.sin6_addr, 16);
    memcpy(peer + 16, &form.sin6_port, 2);
  }
}

std::optional<std::string> FormatAddress(const Address& address) {
  switch (address.family()) {
    case AF_INET: {
      const auto form = To<sockaddr_in>(address);
      return V4Text(form.sin_addr, form.sin_port);
    }
    case AF_INET6: return V6Text(To<sockaddr_in6>(address));
    case AF_UNIX: return UnixText(address);
    default: return std::nullopt;
  }
}

}  // namespace wasmpoll
