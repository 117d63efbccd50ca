// OpenSSL between a receive and a send. It holds keys, and at most one incomplete record that came in.
#include "tls_session.h"

#include <algorithm>
#include <cstring>

#include <sys/socket.h>

#include "syscall.h"

namespace wasmpoll {
namespace {

// Whoever warns or changes keys so often and says nothing makes work alone.
constexpr int kMostBarren = 32;
// A change of keys takes 14 µs, ten times as long as a record: so many are free, and one more for each so
// many records of data. Nobody needs one for less than 2^24 records; RFC 8446, 5.5.
constexpr int kMostChanges = 32;
constexpr int kRecordsPerChange = 64;

// Or SSL_get_error(3) takes what others have left for the session's. To look is cheaper than to clear.
void ForgetErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

const BIO_METHOD* TlsSession::Method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wasmpoll");
    if (method != nullptr) {
      BIO_meth_set_read(method, BioRead);
      BIO_meth_set_write(method, BioWrite);
      BIO_meth_set_ctrl(method, BioControl);
    }
    return method;
  }();
  return made;
}

std::unique_ptr<TlsSession> TlsSession::Make(std::shared_ptr<TlsContext> context, int handle) {
  SSL_CTX* const first = context->First();
  std::unique_ptr<TlsSession> session(new TlsSession(std::move(context), nullptr, handle));
  if (!session->Open(first)) return nullptr;
  SSL_set_accept_state(session->ssl_.get());
  return session;
}

bool TlsSession::Open(SSL_CTX* context) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context));
  SSL* const ssl = ssl_.get();
  std::unique_ptr<BIO, OpensslFree> bio(Method() == nullptr ? nullptr : BIO_new(Method()));
  if (ssl == nullptr || bio == nullptr) return false;
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  SSL_set_msg_callback(ssl, Observe);
  SSL_set_msg_callback_arg(ssl, this);
  // For both directions: one reference goes with it.
  SSL_set_bio(ssl, bio.get(), bio.get());
  bio.release();
  return true;
}

TlsSession::~TlsSession() { count_.fetch_sub(1, std::memory_order_relaxed); }

int TlsSession::BioRead(BIO* bio, char* target, int length) {
  auto* const self = static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->left_ == 0) {
    self->starved_ = true;
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(self->left_, static_cast<size_t>(length));
  memcpy(target, self->input_, taken);
  self->input_ += taken;
  self->left_ -= taken;
  return static_cast<int>(taken);
}

// It takes all or fails: OpenSSL has never a write to repeat.
int TlsSession::BioWrite(BIO* bio, const char* source, int length) {
  TlsWire* const wire = static_cast<TlsSession*>(BIO_get_data(bio))->wire_;
  BIO_clear_retry_flags(bio);
  if (wire == nullptr || static_cast<size_t>(length) > kTlsWire - wire->used) return -1;
  memcpy(wire->data + wire->used, source, length);
  wire->used += length;
  return length;
}

long TlsSession::BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

// Told of the header of each record, with a type of its own, and of messages: once the handshake is done,
// these change keys, or ask for another handshake.
void TlsSession::Observe(int writes, int, int type, const void*, size_t, SSL*, void* pointer) {
  auto* const self = static_cast<TlsSession*>(pointer);
  if (writes != 0) return;
  if (type == SSL3_RT_HEADER) ++self->barren_;
  else if (type == SSL3_RT_HANDSHAKE && self->ready_) self->changes_ += kRecordsPerChange;
}

// A record of data went one way or the other.
void TlsSession::Bear() {
  barren_ = 0;
  if (changes_ > 0) --changes_;
}

TlsReceived TlsSession::Receive(int fd, uint8_t* start, int room, uint8_t* buffer, TlsWire* wire) {
  TlsReceived received;
  if (over_ != Over::kNothing) {
    Tell(&received);
    return received;
  }
  if (outward_ != nullptr && !outward_->begun) {
    Begin(&received, wire);
    return received;
  }
  received.result = Take(fd, std::min(room - kTlsSlack, kTlsReceive), buffer);
  if (received.result < 0) return received;
  if (received.result == 0) {
    over_ = Over::kTruncated;
    Tell(&received);
    return received;
  }
  received.received = received.result;
  received.result = kTlsMore;
  input_ = buffer;
  left_ = received.received;
  wire_ = wire;
  if (!ready_) Shake(&received);
  if (ready_) Read(start, room, &received);
  // A failed or ended session has no use for the rest.
  input_ = nullptr;
  left_ = 0;
  wire_ = nullptr;
  if (!early_.empty()) received.events |= kTlsOver;
  return received;
}

int TlsSession::Take(int fd, int room, uint8_t* buffer) {
  if (early_.empty()) return Retry([&] { return recv(fd, buffer, room, 0); });
  const size_t taken = std::min(early_.size(), static_cast<size_t>(room));
  memcpy(buffer, early_.data(), taken);
  early_.erase(early_.begin(), early_.begin() + taken);
  return static_cast<int>(taken);
}

void TlsSession::Shake(TlsReceived* received) {
  for (;;) {
    starved_ = false;
    ForgetErrors();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      ready_ = true;
      barren_ = 0;
      received->events |= kTlsReady;
      if (SSL_session_reused(ssl_.get()) == 1) received->events |= kTlsResumed;
      return;
    }
    if (Starves(result)) return;
    if (over_ == Over::kNothing) continue;
    // No end that was agreed upon can come before there is anything to end.
    over_ = Over::kFailed;
    Tell(received);
    return;
  }
}

void TlsSession::Read(uint8_t* start, int room, TlsReceived* received) {
  int filled = 0;
  // A read gives out all that a record carries: with no input left, another would only find that out.
  while (left_ > 0 && filled < room) {
    starved_ = false;
    size_t taken = 0;
    ForgetErrors();
    const int result = SSL_read_ex(ssl_.get(), start + filled, room - filled, &taken);
    if (result == 1) {
      filled += static_cast<int>(taken);
      Bear();
    } else if (Starves(result) || over_ != Over::kNothing) {
      break;
    }
  }
  if (filled > 0) received->result = filled;
  if (over_ == Over::kNothing) return;
  if (filled > 0) received->events |= kTlsOver;
  else Tell(received);
}

bool TlsSession::Starves(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      // Without AUTO_RETRY it means as well that a record was read which carried nothing.
      if (starved_ && left_ == 0) return true;
      if (barren_ <= kMostBarren && changes_ <= kMostChanges * kRecordsPerChange) return false;
      return Fail(kTlsCauseFlood);
    case SSL_ERROR_ZERO_RETURN:
      over_ = Over::kEnded;
      return false;
    default:
      return FailOf(ERR_peek_error());
  }
}

bool TlsSession::Fail(int cause) {
  over_ = Over::kFailed;
  cause_ = cause;
  ERR_clear_error();
  return false;
}

void TlsSession::Tell(TlsReceived* received) const {
  switch (over_) {
    case Over::kNothing:
      break;
    case Over::kEnded:
      received->result = 0;
      break;
    case Over::kTruncated:
      received->result = kTlsTruncated;
      break;
    case Over::kFailed:
      received->result = kTlsFailed;
      received->events |= cause_ << kTlsCauseShift;
  }
}

bool TlsSession::Seal(const uint8_t* start, size_t length, TlsWire* wire) {
  if (!ready_ || over_ == Over::kFailed) return false;
  wire_ = wire;
  bool sealed = true;
  // One call seals one record: ENABLE_PARTIAL_WRITE.
  for (size_t done = 0, taken = 0; sealed && done < length; done += taken) {
    sealed = SSL_write_ex(ssl_.get(), start + done, length - done, &taken) == 1;
    if (sealed) Bear();
  }
  wire_ = nullptr;
  if (!sealed) Fail(kTlsCauseOther);
  return sealed;
}

void TlsSession::End(TlsWire* wire) {
  if (!ready_ || over_ == Over::kFailed) return;
  wire_ = wire;
  // 0 is what it answers while the peer has not ended; nothing can follow from another answer.
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  wire_ = nullptr;
}

}  // namespace wasmpoll
