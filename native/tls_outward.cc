// Contexts for upstreams: the side that connects, and checks.
#include "tls_outward.h"

#include "tls_session.h"
#include "tls_tickets.h"

namespace wasmpoll {
namespace {

// Of all peers together, and of one: some 4 KiB each, with the peer's certificate.
constexpr size_t kMostKept = 256;
constexpr size_t kMostOfPeer = 8;

// RFC 9525: a star stands for a whole label, and what is not among the alternative names is no name.
constexpr unsigned kNameRules = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

}  // namespace

std::shared_ptr<TlsOutward> TlsOutward::Make(const TlsOutwardOptions& options,
                                             TlsAuthorities* authorities, TlsFault* fault) {
  ERR_clear_error();
  std::shared_ptr<TlsOutward> made(new TlsOutward(options));
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  bool right = made->context_ != nullptr ||
               RefuseTlsByReason(fault, "", "OpenSSL makes no context");
  right = right && made->Configure(options, fault) && made->Trust(options, authorities, fault);
  if (right && !options.pair.certificate.empty()) {
    fault->pair = 0;
    right = UseTlsPair(made->context_.get(), options.pair, fault);
  }
  // What was left in the queue on the way is nobody's mistake.
  ERR_clear_error();
  return right ? made : nullptr;
}

TlsOutward::~TlsOutward() {
  for (const Kept& kept : kept_) SSL_SESSION_free(kept.session);
}

bool TlsOutward::Configure(const TlsOutwardOptions& options, TlsFault* fault) {
  SSL_CTX* const context = context_.get();
  if (!ApplyTlsRules(context, options.oldest, fault)) return false;
  // 0 is what this one answers when all is well.
  if (!alpn_.empty() &&
      SSL_CTX_set_alpn_protos(context, reinterpret_cast<const uint8_t*>(alpn_.data()),
                              alpn_.size()) != 0) {
    return RefuseTlsByReason(fault, "", "alpn is refused");
  }
  if (resume_ms_ == 0) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return true;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, TlsSession::Renewed);
  return true;
}

bool TlsOutward::Trust(const TlsOutwardOptions& options, TlsAuthorities* authorities,
                       TlsFault* fault) {
  if (!options.verifies) return true;
  X509_STORE* const store = authorities->Read(options.ca, fault);
  if (store == nullptr) return false;
  SSL_CTX_set1_cert_store(context_.get(), store);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  return true;
}

bool TlsOutward::Aim(SSL* ssl, const std::string& host) const {
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
  // An address is no name: RFC 6066, 3.
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return true;
  ERR_clear_error();
  SSL_set_hostflags(ssl, kNameRules);
  return SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
}

SSL_SESSION* TlsOutward::Recall(const std::string& peer, int64_t* since_ms) {
  if (resume_ms_ == 0) return nullptr;
  const std::lock_guard<std::mutex> guard(lock_);
  const int64_t now = TlsTickets::NowMs();
  for (auto kept = kept_.begin(); kept != kept_.end();) {
    const bool stale = now - kept->since_ms >= resume_ms_;
    if (!stale && kept->peer != peer) {
      ++kept;
      continue;
    }
    SSL_SESSION* const session = kept->session;
    *since_ms = kept->since_ms;
    // A ticket of TLS 1.3 is for one connection: RFC 8446, C.4.
    const bool again = !stale && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION;
    if (again) {
      SSL_SESSION_up_ref(session);
      return session;
    }
    kept = kept_.erase(kept);
    if (!stale) return session;
    SSL_SESSION_free(session);
  }
  return nullptr;
}

bool TlsOutward::Keep(const std::string& peer, SSL_SESSION* session, int64_t since_ms) {
  const std::lock_guard<std::mutex> guard(lock_);
  kept_.push_front({peer, session, since_ms});
  size_t of_peer = 0;
  for (auto kept = kept_.begin(); kept != kept_.end();) {
    const bool more = kept->peer == peer && ++of_peer > kMostOfPeer;
    const bool last = kept_.size() > kMostKept && std::next(kept) == kept_.end();
    if (!more && !last) {
      ++kept;
      continue;
    }
    SSL_SESSION_free(kept->session);
    kept = kept_.erase(kept);
  }
  return true;
}

}  // namespace wasmpoll
