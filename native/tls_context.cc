// Contexts of listeners: how clients are judged, which certificate each is shown, and how long they may resume.
#include "tls_context.h"

#include <cstring>

namespace wasmpoll {
namespace {

constexpr uint64_t kOptions = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

char Lower(char letter) { return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter; }

bool Equal(std::string_view name, std::string_view other) {
  if (name.size() != other.size()) return false;
  for (size_t index = 0; index < name.size(); ++index) {
    if (Lower(name[index]) != Lower(other[index])) return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<TlsContext> TlsContext::Make(const TlsOptions& options,
                                             std::shared_ptr<TlsTickets> tickets, TlsFault* fault) {
  const std::shared_ptr<TlsContext> made(new TlsContext(options, std::move(tickets)));
  for (size_t index = 0; index < options.pairs.size(); ++index) {
    fault->pair = static_cast<int>(index);
    if (!made->Add(options, options.pairs[index], fault)) {
      ERR_clear_error();
      return nullptr;
    }
  }
  // What was left in the queue on the way is nobody's mistake.
  ERR_clear_error();
  return made;
}

bool TlsContext::Add(const TlsOptions& options, const TlsPair& pair, TlsFault* fault) {
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, OpensslFree> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return RefuseTlsByReason(fault, "", "OpenSSL makes no context");
  if (!Configure(context.get(), options, fault) || !Trust(context.get(), options, fault) ||
      !UseTlsPair(context.get(), pair, fault)) {
    return false;
  }
  named_.push_back({pair.name, std::move(context)});
  return true;
}

bool TlsContext::Configure(SSL_CTX* context, const TlsOptions& options, TlsFault* fault) {
  const int64_t lifetime_ms = options.tickets ? tickets_->lifetime_ms() : 0;
  const auto refuse = [&](const char* what) { return RefuseTlsByReason(fault, "", what); };
  if (!ApplyTlsRules(context, options.oldest, fault)) return false;
  SSL_CTX_set_options(context, kOptions | (lifetime_ms == 0 ? SSL_OP_NO_TICKET : 0));
  if (SSL_CTX_set_ex_data(context, 0, this) != 1) return refuse("no memory");
  const std::string& session = options.session_context;
  if (SSL_CTX_set_session_id_context(context, reinterpret_cast<const uint8_t*>(session.data()),
                                     session.size()) != 1) {
    return refuse("the session context is refused");
  }
  // In whole seconds, and OpenSSL takes 0 for no time at all.
  SSL_CTX_set_timeout(context, static_cast<long>((lifetime_ms + 999) / 1000));
  if (lifetime_ms == 0) {
    SSL_CTX_set_num_tickets(context, 0);
  } else if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, PrepareTicket) != 1) {
    return refuse("tickets are refused");
  } else if (options.clients != TlsClients::kNone &&
             SSL_CTX_set_session_ticket_cb(context, NoteTicket, JudgeTicket, this) != 1) {
    return refuse("tickets are refused");
  }
  SSL_CTX_set_tlsext_servername_callback(context, ChooseName);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, this);
  return true;
}

// The verify mode is the listener's: SSL_set_SSL_CTX(3) does not change a session's.
bool TlsContext::Trust(SSL_CTX* context, const TlsOptions& options, TlsFault* fault) {
  if (options.clients == TlsClients::kNone) return true;
  const std::vector<TlsCertificate> authorities = ReadCertificates(options.ca, "ca", fault);
  if (authorities.empty()) return false;
  for (const TlsCertificate& authority : authorities) {
    ERR_clear_error();
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return RefuseTlsByReason(fault, "ca", "has a certificate that is refused");
    }
  }
  const int required =
      options.clients == TlsClients::kRequire ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return true;
}

SSL_CTX* TlsContext::Find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  for (const Named& named : named_) {
    if (!named.name.empty() && Equal(named.name, name)) return named.context.get();
  }
  // `*.example.org` is for one label in front.
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return nullptr;
  for (const Named& named : named_) {
    if (!named.name.starts_with("*.")) continue;
    if (Equal(std::string_view(named.name).substr(1), name.substr(dot))) return named.context.get();
  }
  return nullptr;
}

int TlsContext::ChooseName(SSL* ssl, int*, void* self) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* const found = static_cast<const TlsContext*>(self)->Find(name);
  // Accepted as well: a session of TLS 1.2 that goes on knows no other name than one that was.
  if (found == nullptr) return SSL_TLSEXT_ERR_OK;
  return SSL_set_SSL_CTX(ssl, found) == nullptr ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
}

int TlsContext::ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* length,
                               const unsigned char* offered, unsigned int offered_length,
                               void* self) {
  const std::string& own = static_cast<const TlsContext*>(self)->alpn_;
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(own.data()),
                            own.size(), offered, offered_length);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

int TlsContext::PrepareTicket(SSL* ssl, unsigned char* name, unsigned char* iv,
                              EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypts) {
  void* const self = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0);
  // Clients of TLS 1.3 use a ticket once, and OpenSSL gives them another only if it is told to: RFC 8446, C.4.
  const bool once = SSL_version(ssl) == TLS1_3_VERSION;
  return static_cast<const TlsContext*>(self)->tickets_->Prepare(name, iv, cipher, mac,
                                                                 encrypts != 0, once);
}

// A ticket says when its client was last asked for a certificate, on the way of each renewal.
int TlsContext::NoteTicket(SSL* ssl, void*) {
  SSL_SESSION* const session = SSL_get_session(ssl);
  void* noted = nullptr;
  size_t length = 0;
  const bool resumed = SSL_session_reused(ssl) == 1;
  if (resumed && SSL_SESSION_get0_ticket_appdata(session, &noted, &length) == 1 && length > 0) {
    return 1;
  }
  const int64_t now = TlsTickets::NowMs();
  return SSL_SESSION_set1_ticket_appdata(session, &now, sizeof now);
}

// A certificate may have been called back, or have expired: who resumes again and again shows it once in the
// lifetime of a ticket, as everybody else does. RFC 8446, 4.6.1 has the same bound.
SSL_TICKET_RETURN TlsContext::JudgeTicket(SSL*, SSL_SESSION* session, const unsigned char*, size_t,
                                          SSL_TICKET_STATUS status, void* self) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  void* noted = nullptr;
  size_t length = 0;
  int64_t since = 0;
  if (SSL_SESSION_get0_ticket_appdata(session, &noted, &length) != 1 || length != sizeof since) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  memcpy(&since, noted, sizeof since);
  const int64_t lifetime_ms = static_cast<const TlsContext*>(self)->tickets_->lifetime_ms();
  if (TlsTickets::NowMs() - since >= lifetime_ms) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace wasmpoll
