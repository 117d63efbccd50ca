// One run over the rows of an Io. Knows the ranges that rows name; the rows of plain sockets are in io.cc,
// those of TLS in tls_rows.cc.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include "io.h"
#include "tls_session.h"

namespace wasmpoll {

// A private copy of a row. The rows may lie in shared memory, where another thread can change them
// between the check and the use; so each field is read once.
struct Row {
  int fd;
  int buffer;
  int offset;
  int length;

  explicit Row(const int32_t* row)
      : fd(Load(row, kRowFd)),
        buffer(Load(row, kRowBuffer)),
        offset(Load(row, kRowOffset)),
        length(Load(row, kRowLength)) {}

  static int Load(const int32_t* row, int column) {
    return __atomic_load_n(row + column, __ATOMIC_RELAXED);
  }
};

// JavaScript cannot run meanwhile, so a buffer found intact stays so.
class Io::Batch {
 public:
  Batch(napi_env env, Io* io) : env_(env), io_(io) {}

  // The row to report, or −1 with an exception pending.
  int Run(int from, int to);

 private:
  int32_t* At(int index) const {
    return reinterpret_cast<int32_t*>(io_->rows_.data) + int64_t{index} * kRow;
  }
  void Store(int index, int column, int value) const {
    __atomic_store_n(At(index) + column, value, __ATOMIC_RELAXED);
  }
  void Result(int index, int result) const { Store(index, kRowResult, result); }

  enum class Range { kInside, kUnbound, kOutside, kDetached };

  Range Find(int buffer, int64_t offset, int64_t length, uint8_t** start) {
    if (buffer < 0 || buffer >= kBuffers) return Range::kUnbound;
    const Bound& bound = io_->buffers_[buffer];
    if (bound.view.IsEmpty()) return Range::kUnbound;
    if (offset < 0 || length < 0 || static_cast<uint64_t>(offset + length) > bound.length) {
      return Range::kOutside;
    }
    if (bound.detachable && (intact_ & 1u << buffer) == 0) {
      if (!bound.Intact(env_)) return Range::kDetached;
      intact_ |= 1u << buffer;
    }
    *start = bound.data + offset;
    return Range::kInside;
  }

  bool Receive(int index);
  // What is `differing`: only if the target is another one.
  bool Copy(int index, bool differing);
  int Send(int first, int to);
  static int Transmit(int fd, iovec* pieces, int count);
  int Distribute(int first, const iovec* pieces, int count, int sent);

  // Rows of TLS, as Send: the row after those that were performed, or `first` with stopped_ set when
  // ciphertext is left or a send has failed, or −1 with an exception pending.
  int Secure(int first, int to);
  int SecureReceive(int index);
  int SecureSend(int first, int to);
  int SecureSeal(int index);
  int SecureEnd(int index);
  int Stop(int first, int index);
  // Sends what a row has made, unless other ciphertext `waits`.
  // @returns how much is left at the start of the buffer, or −errno
  int Drain(int fd, bool waits, TlsWire* wire) const;
  // A false answer leaves an exception pending.
  bool FindWire(int index, TlsWire* wire);

  [[gnu::cold]] bool Refuse(int index, int buffer, int offset, int length, Range range) const;
  [[gnu::cold]] bool RefuseLength(int index, const char* what) const;
  [[gnu::cold]] bool RefuseTls(int index) const;

  const napi_env env_;
  Io* const io_;
  uint32_t intact_ = 0;
  int stopped_ = -1;
};

}  // namespace wasmpoll
