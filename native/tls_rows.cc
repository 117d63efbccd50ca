// Rows of TLS: ciphertext stays on this side. What a row makes for the peer goes out at once, or is left at
// the start of the wire buffer, where the run stops.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "error.h"
#include "io_batch.h"
#include "syscall.h"
#include "tls_state.h"

namespace wasmpoll {
namespace {

// Pieces become records of full size, as far as they are there.
class Sealer {
 public:
  Sealer(TlsSession* session, uint8_t* gathered, TlsWire* wire)
      : session_(session), gathered_(gathered), wire_(wire) {}

  bool Add(const uint8_t* start, size_t length) {
    while (length > 0) {
      if (used_ == 0 && length >= kTlsRecord) {
        const size_t whole = length - length % kTlsRecord;
        if (!session_->Seal(start, whole, wire_)) return false;
        start += whole;
        length -= whole;
        continue;
      }
      const size_t taken = std::min(length, kTlsRecord - used_);
      memcpy(gathered_ + used_, start, taken);
      used_ += taken;
      start += taken;
      length -= taken;
      if (used_ == kTlsRecord && !Flush()) return false;
    }
    return true;
  }

  bool Flush() {
    const size_t length = std::exchange(used_, 0);
    return length == 0 || session_->Seal(gathered_, length, wire_);
  }

 private:
  TlsSession* const session_;
  uint8_t* const gathered_;
  TlsWire* const wire_;
  size_t used_ = 0;
};

}  // namespace

int Io::Batch::Secure(int first, int to) {
  switch (Row::Load(At(first), kRowKind)) {
    case kKindTlsRecv:
      return SecureReceive(first);
    case kKindTlsSend:
      return SecureSend(first, to);
    case kKindTlsSeal:
      return SecureSeal(first);
    default:
      return SecureEnd(first);
  }
}

int Io::Batch::Stop(int first, int index) {
  stopped_ = index;
  return first;
}

bool Io::Batch::FindWire(int index, TlsWire* wire) {
  const Range range = Find(kWireBuffer, 0, kTlsWire, &wire->data);
  if (range == Range::kInside) return io_->sessions_ != nullptr || RefuseTls(index);
  return Refuse(index, kWireBuffer, 0, kTlsWire, range);
}

int Io::Batch::Drain(int fd, bool waits, TlsWire* wire) const {
  if (wire->used == 0) return 0;
  io_->sessions_->Count(kTlsBytesOut, static_cast<double>(wire->used));
  if (waits) return static_cast<int>(wire->used);
  const int sent = Retry([&] { return send(fd, wire->data, wire->used, MSG_NOSIGNAL); });
  if (sent < 0 && sent != -EAGAIN) return sent;
  const size_t left = wire->used - std::max(sent, 0);
  if (left > 0 && sent > 0) memmove(wire->data, wire->data + sent, left);
  return static_cast<int>(left);
}

int Io::Batch::SecureReceive(int index) {
  const Row row(At(index));
  uint8_t* start = nullptr;
  const Range range = Find(row.buffer, row.offset, row.length, &start);
  if (range != Range::kInside) {
    Refuse(index, row.buffer, row.offset, row.length, range);
    return -1;
  }
  if (row.length <= kTlsSlack) {
    RefuseLength(index, "of TLS must be more than 17408");
    return -1;
  }
  TlsWire wire{};
  if (!FindWire(index, &wire)) return -1;
  const bool waits = Row::Load(At(index), kRowWire) != 0;
  TlsSession* const session = io_->sessions_->At(Row::Load(At(index), kRowSlot));
  TlsReceived received;
  if (session == nullptr) received.result = kTlsFailed;
  else received = session->Receive(row.fd, start, row.length, io_->received_.get(), &wire);
  io_->sessions_->Note(received);
  // A failed send is told by the next one, of what is left here: what came in before is worth more.
  const int drained = Drain(row.fd, waits, &wire);
  const int left = drained < 0 ? static_cast<int>(wire.used) : drained;
  Result(index, received.result);
  Store(index, kRowLength, received.received);
  Store(index, kRowOffset, received.events);
  Store(index, kRowWire, left);
  return left > 0 ? Stop(index, index) : index + 1;
}

// Rows of one slot, or a part of a long one: what is sealed at a time goes out in one send(2).
int Io::Batch::SecureSend(int first, int to) {
  const int slot = Row::Load(At(first), kRowSlot);
  const int fd = Row::Load(At(first), kRowFd);
  TlsWire wire{};
  if (!FindWire(first, &wire)) return -1;
  TlsSession* const session = io_->sessions_->At(slot);
  int index = first;
  // Of the row at `index`.
  int done = 0;
  for (;;) {
    Sealer sealer(session, io_->gathered_.get(), &wire);
    bool sealed = session != nullptr;
    int room = kTlsSeal;
    int last = index;
    wire.used = 0;
    while (sealed && room > 0) {
      const Row row(At(index));
      uint8_t* start = nullptr;
      const Range range = Find(row.buffer, row.offset, row.length, &start);
      if (range != Range::kInside) {
        // What stands before a bad row goes out first, as if each row were performed alone.
        if (room < kTlsSeal) break;
        Refuse(index, row.buffer, row.offset, row.length, range);
        return -1;
      }
      const int part = std::min(room, row.length - done);
      sealed = sealer.Add(start + done, part);
      last = index;
      done += part;
      room -= part;
      Result(index, done);
      Store(index, kRowWire, 0);
      if (done < row.length) continue;
      done = 0;
      ++index;
      if (index >= to || Row::Load(At(index), kRowKind) != kKindTlsSend ||
          Row::Load(At(index), kRowSlot) != slot || Row::Load(At(index), kRowFd) != fd) {
        break;
      }
    }
    if (!sealed || !sealer.Flush()) {
      // Nothing of it is for the peer: the first row that is not out is told, and none after it was.
      Result(first, kTlsFailed);
      Store(first, kRowWire, 0);
      return Stop(first, first);
    }
    const int left = Drain(fd, false, &wire);
    if (left != 0) {
      if (left < 0) Result(last, left);
      Store(last, kRowWire, std::max(left, 0));
      return Stop(first, last);
    }
    const bool more = index == last;
    if (!more) return index;
  }
}

int Io::Batch::SecureSeal(int index) {
  const Row row(At(index));
  uint8_t* start = nullptr;
  const Range range = Find(row.buffer, row.offset, row.length, &start);
  if (range != Range::kInside) {
    Refuse(index, row.buffer, row.offset, row.length, range);
    return -1;
  }
  TlsWire wire{};
  if (!FindWire(index, &wire)) return -1;
  TlsSession* const session = io_->sessions_->At(Row::Load(At(index), kRowSlot));
  const bool fits = row.length <= kTlsSeal;
  const bool sealed = session != nullptr && fits && session->Seal(start, row.length, &wire);
  io_->sessions_->Count(kTlsBytesOut, static_cast<double>(wire.used));
  Result(index, sealed ? row.length : kTlsFailed);
  Store(index, kRowWire, sealed ? static_cast<int>(wire.used) : 0);
  return Stop(index, index);
}

int Io::Batch::SecureEnd(int index) {
  TlsWire wire{};
  if (!FindWire(index, &wire)) return -1;
  const bool waits = Row::Load(At(index), kRowWire) != 0;
  TlsSession* const session = io_->sessions_->At(Row::Load(At(index), kRowSlot));
  if (session != nullptr) session->End(&wire);
  const int drained = Drain(Row::Load(At(index), kRowFd), waits, &wire);
  Result(index, std::min(drained, 0));
  Store(index, kRowWire, std::max(drained, 0));
  return drained == 0 ? index + 1 : Stop(index, index);
}

bool Io::Batch::RefuseTls(int index) const {
  ThrowState(env_, "Io.run: row " + std::to_string(index) + " is for TLS, and secure was not called");
  return false;
}

}  // namespace wasmpoll
