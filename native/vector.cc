// The pieces of a transfer are pairs of u32, offset and length, that lie in the view which they divide.
// All of them are checked before the system call is made; then they are on the stack, out of reach.
#include "vector.h"

#include <algorithm>
#include <climits>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

#include "arguments.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

// IOV_MAX; a transfer may always fall short, so that pieces behind these wait for the next one.
constexpr int kPieces = 1024;
constexpr double kMostPieces = UINT32_MAX;
constexpr double kMostBytes = 9007199254740991;

struct Pieces {
  iovec list[kPieces];
  int count = 0;
};

// Leaves out the first `skip` bytes and what comes behind `most`; false if a piece leaves the view.
bool Collect(Pieces* pieces, Bytes view, uint64_t at, uint64_t count, uint64_t skip, uint64_t most) {
  if (at > view.length || count > (view.length - at) / (2 * sizeof(uint32_t))) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t piece[2];
    memcpy(piece, view.data + at + i * sizeof piece, sizeof piece);
    const uint64_t offset = piece[0];
    const uint64_t length = piece[1];
    if (offset > view.length || length > view.length - offset) return false;
    const uint64_t left_out = std::min(skip, length);
    const uint64_t taken = std::min(most, length - left_out);
    skip -= left_out;
    if (taken == 0 || pieces->count == kPieces) continue;
    most -= taken;
    pieces->list[pieces->count++] = {view.data + offset + left_out, static_cast<size_t>(taken)};
  }
  return true;
}

// (fd, view, at, count, skip, most)
template <typename Call>
Napi::Value Transfer(const Napi::CallbackInfo& info, const char* function, Call call) {
  Arguments arguments(info, function);
  const int fd = arguments.Fd(0);
  size_t size = 0;
  auto* const data = static_cast<uint8_t*>(arguments.View(1, "view", napi_uint8_array, &size));
  const auto at = static_cast<uint64_t>(arguments.Number(2, "at", 0, kMostBytes));
  const auto count = static_cast<uint64_t>(arguments.Number(3, "count", 0, kMostPieces));
  const auto skip = static_cast<uint64_t>(arguments.Number(4, "skip", 0, kMostBytes));
  const auto most = static_cast<uint64_t>(arguments.Number(5, "most", 0, kMostBytes));
  if (arguments.Failed()) return {};
  Pieces pieces;
  if (!Collect(&pieces, {data, size}, at, count, skip, most)) return Integer(info.Env(), -EFAULT);
  return Integer(info.Env(), Retry([&] { return call(fd, pieces.list, pieces.count); }));
}

Napi::Value ReadV(const Napi::CallbackInfo& info) {
  return Transfer(info, "readv", [](int fd, iovec* list, int count) {
    return readv(fd, list, count);
  });
}

Napi::Value WriteV(const Napi::CallbackInfo& info) {
  return Transfer(info, "writev", [](int fd, iovec* list, int count) {
    return writev(fd, list, count);
  });
}

msghdr Message(iovec* list, int count) {
  msghdr message{};
  message.msg_iov = list;
  message.msg_iovlen = static_cast<size_t>(count);
  return message;
}

// Does not wait, whatever the descriptor's own mode is: it may have come from outside.
template <int flags>
ssize_t Receive(int fd, iovec* list, int count) {
  // One piece is the rule, and takes the shorter way into the kernel.
  if (count == 1) return recv(fd, list->iov_base, list->iov_len, MSG_DONTWAIT | flags);
  msghdr message = Message(list, count);
  return recvmsg(fd, &message, MSG_DONTWAIT | flags);
}

Napi::Value RecvV(const Napi::CallbackInfo& info) {
  return Transfer(info, "recvv", Receive<0>);
}

Napi::Value PeekV(const Napi::CallbackInfo& info) {
  return Transfer(info, "peekv", Receive<MSG_PEEK>);
}

Napi::Value SendV(const Napi::CallbackInfo& info) {
  return Transfer(info, "sendv", [](int fd, iovec* list, int count) {
    constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1) return send(fd, list->iov_base, list->iov_len, kFlags);
    const msghdr message = Message(list, count);
    return sendmsg(fd, &message, kFlags);
  });
}

// The seventh argument: where in the file.
template <typename Call>
Napi::Value AtPosition(const Napi::CallbackInfo& info, const char* function, Call call) {
  Arguments arguments(info, function);
  const auto position = static_cast<off_t>(arguments.Number(6, "position", 0, kMostBytes));
  if (arguments.Failed()) return {};
  return Transfer(info, function, [&](int fd, iovec* list, int count) {
    return call(fd, list, count, position);
  });
}

Napi::Value PReadV(const Napi::CallbackInfo& info) {
  return AtPosition(info, "preadv", preadv);
}

Napi::Value PWriteV(const Napi::CallbackInfo& info) {
  return AtPosition(info, "pwritev", pwritev);
}

}  // namespace

void RegisterVector(Napi::Env env, Napi::Object exports) {
  exports.Set("readv", Napi::Function::New<ReadV>(env, "readv"));
  exports.Set("writev", Napi::Function::New<WriteV>(env, "writev"));
  exports.Set("recvv", Napi::Function::New<RecvV>(env, "recvv"));
  exports.Set("peekv", Napi::Function::New<PeekV>(env, "peekv"));
  exports.Set("sendv", Napi::Function::New<SendV>(env, "sendv"));
  exports.Set("preadv", Napi::Function::New<PReadV>(env, "preadv"));
  exports.Set("pwritev", Napi::Function::New<PWriteV>(env, "pwritev"));
}

}  // namespace wasmpoll
