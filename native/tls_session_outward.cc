// What sessions with upstreams do besides: they begin, know whom they are with, and may go on with an earlier one.
#include <sys/socket.h>

#include "syscall.h"
#include "tls_session.h"
#include "tls_tickets.h"

namespace wasmpoll {

std::unique_ptr<TlsSession> TlsSession::MakeOutward(std::shared_ptr<TlsOutward> context,
                                                    const std::string& host,
                                                    const std::string& peer, int handle) {
  TlsOutward* const upstream = context.get();
  const std::string& aim = host.empty() ? upstream->host() : host;
  // A certificate was looked at for one host alone.
  const std::string known = aim + " " + peer;
  std::unique_ptr<Outward> outward(
      new Outward{std::move(context), known, TlsTickets::NowMs(), 0, false, ""});
  std::unique_ptr<TlsSession> session(new TlsSession(nullptr, std::move(outward), handle));
  if (!session->Open(upstream->context())) return nullptr;
  SSL* const ssl = session->ssl_.get();
  if (SSL_set_ex_data(ssl, 0, session.get()) != 1 || !upstream->Aim(ssl, aim)) return nullptr;
  SSL_SESSION* const earlier = upstream->Recall(known, &session->outward_->since_ms);
  if (earlier != nullptr) {
    // One that cannot go on is none: all is said anew.
    SSL_set_session(ssl, earlier);
    SSL_SESSION_free(earlier);
  }
  SSL_set_connect_state(ssl);
  return session;
}

int TlsSession::Renewed(SSL* ssl, SSL_SESSION* session) {
  const auto* const self = static_cast<const TlsSession*>(SSL_get_ex_data(ssl, 0));
  if (self == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  const Outward& outward = *self->outward_;
  const int64_t since = SSL_session_reused(ssl) == 1 ? outward.since_ms : outward.begun_ms;
  return outward.context->Keep(outward.peer, session, since) ? 1 : 0;
}

TlsReceived TlsSession::Step(int fd, uint8_t* buffer, int room, TlsWire* wire) {
  TlsReceived received;
  if (!outward_->begun) {
    Begin(&received, wire);
    return received;
  }
  received.result = Retry([&] { return recv(fd, buffer, room, 0); });
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
  Shake(&received);
  if (ready_) early_.assign(input_, input_ + left_);
  input_ = nullptr;
  left_ = 0;
  wire_ = nullptr;
  return received;
}

void TlsSession::Begin(TlsReceived* received, TlsWire* wire) {
  outward_->begun = true;
  wire_ = wire;
  Shake(received);
  wire_ = nullptr;
}

}  // namespace wasmpoll
