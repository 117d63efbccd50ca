// Socket addresses as text and back. Knows the three families that this project uses; makes no
// system call on a socket and resolves no names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/socket.h>

namespace wasmpoll {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// Numeric IPv4, or numeric IPv6 with an optional `%interface`. Answers 0, −ENODEV if there is no such interface, or
// −EINVAL for anything else.
int ParseIp(const std::string& text, uint16_t port, Address* address);

// Sixteen bytes of address, IPv4 as ::ffff:a.b.c.d, and two of port, the high one first.
constexpr size_t kPeerBytes = 18;
// Writes the above; zeros for an address of another family.
void WritePeer(const Address& address, uint8_t* peer);

// The longest path that bind(2) takes with the NUL that other programs expect after it.
constexpr size_t kLongestPath = 107;
// A path that begins with `@` is an abstract name, which has no file; unix(7). Nothing if it is empty or too
// long.
std::optional<Address> UnixAddress(const std::string& path);

// `127.0.0.1:80` (IPv4-mapped IPv6 too), `[::1]:80`, `unix:/path`, `unix:@abstract`, `unix:` for an
// unnamed one; nothing for another family.
std::optional<std::string> FormatAddress(const Address& address);

}  // namespace wasmpoll
