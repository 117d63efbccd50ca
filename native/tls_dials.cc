// One receive, one step and one send at a time: what is left is reported again.
#include "tls_dials.h"

#include <cerrno>
#include <climits>

#include <sys/socket.h>

#include "syscall.h"
#include "tls_state.h"

namespace wasmpoll {
namespace {

// What comes behind the handshake waits in the session until a seat has it: no more than a record.
constexpr int kReceive = kTlsRecord;

}  // namespace

int TlsDials::Begin(std::shared_ptr<TlsOutward> outward, const std::string& host,
                    const std::string& peer, int fd) {
  if (wire_ == nullptr) {
    received_ = std::make_unique_for_overwrite<uint8_t[]>(kReceive);
    wire_ = std::make_unique_for_overwrite<uint8_t[]>(kTlsWire);
  }
  std::unique_ptr<TlsSession> session = TlsSession::MakeOutward(std::move(outward), host, peer, 0);
  if (session == nullptr) return 0;
  const std::lock_guard<std::mutex> guard(lock_);
  do {
    last_ = last_ == INT_MAX ? 1 : last_ + 1;
  } while (dials_.contains(last_));
  dials_.emplace(last_, Dial{std::move(session), fd, {}});
  return last_;
}

TlsDials::Dial* TlsDials::Find(int id) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = dials_.find(id);
  return found == dials_.end() ? nullptr : &found->second;
}

int TlsDials::Send(Dial* dial, const uint8_t* start, size_t length) {
  const int sent = Retry([&] { return send(dial->fd, start, length, MSG_NOSIGNAL); });
  return sent == -EAGAIN ? 0 : sent;
}

// No lock is held: no seat knows the number before it is done.
int TlsDials::Step(int id) {
  Dial* const dial = Find(id);
  if (dial == nullptr) return kTlsFailed;
  TlsSession* const session = dial->session.get();
  std::vector<uint8_t>& unsent = dial->unsent;
  if (!unsent.empty()) {
    const int sent = Send(dial, unsent.data(), unsent.size());
    if (sent < 0) return sent;
    unsent.erase(unsent.begin(), unsent.begin() + sent);
    if (!unsent.empty()) return kTlsDialWrites;
    return session->ready() ? kTlsDialDone : kTlsDialReads;
  }
  TlsWire wire{wire_.get()};
  const TlsReceived received = session->Step(dial->fd, received_.get(), kReceive, &wire);
  counts_->Note(received);
  int sent = 0;
  if (wire.used > 0) {
    counts_->Count(kTlsBytesOut, static_cast<double>(wire.used));
    sent = Send(dial, wire.data, wire.used);
  }
  if (received.result == -EAGAIN) return kTlsDialReads;
  if (received.result != kTlsMore) return received.result;
  if (sent < 0) return sent;
  unsent.assign(wire.data + sent, wire.data + wire.used);
  if (!unsent.empty()) return kTlsDialWrites;
  return session->ready() ? kTlsDialDone : kTlsDialReads;
}

std::string TlsDials::Why(int id) {
  Dial* const dial = Find(id);
  return dial == nullptr ? "" : dial->session->why();
}

int TlsDials::Cause(int id) {
  Dial* const dial = Find(id);
  return dial == nullptr ? kTlsCauseOther : dial->session->cause();
}

std::unique_ptr<TlsSession> TlsDials::Take(int id) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = dials_.find(id);
  if (found == dials_.end()) return nullptr;
  std::unique_ptr<TlsSession> session = std::move(found->second.session);
  dials_.erase(found);
  return session;
}

}  // namespace wasmpoll
