// The way of a byte: recv(2) into, sendmsg(2) out of, and memmove between bound buffers. Nothing
// here allocates, and nothing here calls JavaScript.
#include "io.h"

#include <cstring>
#include <string>

#include "arguments.h"
#include "error.h"
#include "io_batch.h"
#include "method.h"
#include "syscall.h"
#include "tls.h"
#include "tls_state.h"

namespace wasmpoll {
namespace {

// A callback rarely sends more pieces than this, and they take 1 KiB of stack. The kernel's own
// limit is IOV_MAX (1024).
constexpr int kGather = 64;

}  // namespace

int Io::Batch::Run(int from, int to) {
  for (int index = from; index < to; ++index) {
    const int kind = Row::Load(At(index), kRowKind);
    switch (kind) {
      case kKindRecv:
        if (!Receive(index)) return -1;
        break;
      case kKindUpdate:
      case kKindCopy:
        if (!Copy(index, kind == kKindUpdate)) return -1;
        break;
      case kKindSend:
      case kKindTlsRecv:
      case kKindTlsSend:
      case kKindTlsSeal:
      case kKindTlsEnd: {
        const int next = kind == kKindSend ? Send(index, to) : Secure(index, to);
        if (next <= index) return next < 0 ? -1 : stopped_;
        index = next - 1;
        break;
      }
      default:
        break;
    }
  }
  return to;
}

bool Io::Batch::Receive(int index) {
  const Row row(At(index));
  uint8_t* start = nullptr;
  const Range range = Find(row.buffer, row.offset, row.length, &start);
  if (range != Range::kInside) return Refuse(index, row.buffer, row.offset, row.length, range);
  // The result of an empty receive could not be told from the end of the stream.
  if (row.length == 0) return RefuseLength(index, "must be at least 1");
  Result(index, Retry([&] { return recv(row.fd, start, row.length, 0); }));
  return true;
}

bool Io::Batch::Copy(int index, bool differing) {
  const Row row(At(index));
  const int target_buffer = Row::Load(At(index), kRowTargetBuffer);
  const int target_offset = Row::Load(At(index), kRowTargetOffset);
  uint8_t* source = nullptr;
  uint8_t* target = nullptr;
  Range range = Find(row.buffer, row.offset, row.length, &source);
  if (range != Range::kInside) return Refuse(index, row.buffer, row.offset, row.length, range);
  range = Find(target_buffer, target_offset, row.length, &target);
  if (range != Range::kInside) {
    return Refuse(index, target_buffer, target_offset, row.length, range);
  }
  const bool same = differing && row.length > 0 && memcmp(target, source, row.length) == 0;
  if (row.length > 0 && !same) memmove(target, source, row.length);
  Result(index, row.length);
  return true;
}

// Sends rows from `first` on as far as they go out in one call; the row after them, or `first`
// with stopped_ set when one fell short, or −1 with an exception pending.
int Io::Batch::Send(int first, int to) {
  iovec pieces[kGather];
  int count = 0;
  int fd = -1;
  while (count < kGather && first + count < to) {
    const int index = first + count;
    if (Row::Load(At(index), kRowKind) != kKindSend) break;
    const Row row(At(index));
    if (count > 0 && row.fd != fd) break;
    uint8_t* start = nullptr;
    const Range range = Find(row.buffer, row.offset, row.length, &start);
    if (range != Range::kInside) {
      // What stands before a bad row goes out first, as if each row were performed alone.
      if (count > 0) break;
      Refuse(index, row.buffer, row.offset, row.length, range);
      return -1;
    }
    if (count == 0 && row.length == 0) {
      Result(index, 0);
      return index + 1;
    }
    fd = row.fd;
    pieces[count++] = {start, static_cast<size_t>(row.length)};
  }
  return Distribute(first, pieces, count, Transmit(fd, pieces, count));
}

int Io::Batch::Transmit(int fd, iovec* pieces, int count) {
  if (count == 1) {
    return Retry([&] { return send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL); });
  }
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  return Retry([&] { return sendmsg(fd, &message, MSG_NOSIGNAL); });
}

// An error means that nothing went out. It is the first row's, which is never an empty one.
int Io::Batch::Distribute(int first, const iovec* pieces, int count, int sent) {
  if (sent < 0) {
    Result(first, sent);
    stopped_ = first;
    return first;
  }
  size_t left = sent;
  for (int i = 0; i < count; ++i) {
    const size_t length = pieces[i].iov_len;
    const size_t taken = left < length ? left : length;
    Result(first + i, static_cast<int>(taken));
    if (taken < length) {
      stopped_ = first + i;
      return first;
    }
    left -= taken;
  }
  return first + count;
}

bool Io::Batch::Refuse(int index, int buffer, int offset, int length, Range range) const {
  const std::string row = "Io.run: row " + std::to_string(index) + ": buffer " +
                          std::to_string(buffer);
  if (range == Range::kDetached) {
    ThrowState(env_, row + " was detached or has shrunk since it was bound");
  } else if (range == Range::kUnbound) {
    ThrowRange(env_, row + " is not bound");
  } else {
    ThrowRange(env_, row + " has " + std::to_string(io_->buffers_[buffer].length) +
                         " bytes, which offset " + std::to_string(offset) + " and length " +
                         std::to_string(length) + " leave");
  }
  return false;
}

bool Io::Batch::RefuseLength(int index, const char* what) const {
  ThrowRange(env_, "Io.run: row " + std::to_string(index) + ": the length of a receive " + what);
  return false;
}

void Io::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("Io", DefineClass(env, "Io",
                                {
                                    InstanceMethod<&Io::Bind>("bind"),
                                    InstanceMethod<&Io::Secure>("secure"),
                                }));
}

Io::Io(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Io>(info) {
  Arguments arguments(info, "Io");
  size_t length = 0;
  napi_value buffer = nullptr;
  void* const data = arguments.View(0, "rows", napi_int32_array, &length, &buffer);
  if (!arguments.Failed() && (length % kRow != 0 || length / kRow > INT_MAX)) {
    arguments.OutOfRange("rows must have a multiple of 8 elements, got " + std::to_string(length));
  }
  if (arguments.Failed()) return;
  rows_.Bind(info.Env(), info[0], buffer, data, length);
  count_ = static_cast<int>(length / kRow);
  DefineMethod(info.This().As<Napi::Object>(), "run", Run, this);
}

void Io::Bind(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Io.bind");
  const int index = arguments.Int(0, "index", 0, kBuffers - 1);
  size_t length = 0;
  napi_value buffer = nullptr;
  void* const data = arguments.View(1, "view", napi_uint8_array, &length, &buffer);
  if (arguments.Failed()) return;
  bool detached = false;
  napi_is_detached_arraybuffer(info.Env(), buffer, &detached);
  if (detached) return ThrowState(info.Env(), "Io.bind: view is detached");
  buffers_[index].Bind(info.Env(), info[1], buffer, data, length);
}

void Io::Secure(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Io.secure");
  int seat = 0;
  const std::shared_ptr<TlsState> state = FindTls(&arguments, 0, &seat);
  if (state == nullptr) return;
  sessions_ = state->SessionsOf(seat);
  received_ = std::make_unique_for_overwrite<uint8_t[]>(kTlsReceive);
  gathered_ = std::make_unique_for_overwrite<uint8_t[]>(kTlsRecord);
}

napi_value Io::Run(napi_env env, napi_callback_info info) {
  void* self = nullptr;
  Arguments arguments(env, info, "Io.run", &self);
  Io* const io = static_cast<Io*>(self);
  const int from = arguments.Int(0, "from", 0, io->count_);
  const int to = arguments.Int(1, "to", from, io->count_);
  if (arguments.Failed()) return nullptr;
  if (io->rows_.detachable && !io->rows_.Intact(env)) {
    ThrowState(env, "Io.run: the rows were detached or have shrunk");
    return nullptr;
  }
  const int stopped = Batch(env, io).Run(from, to);
  return stopped < 0 ? nullptr : static_cast<napi_value>(Integer(env, stopped));
}

}  // namespace wasmpoll
