// Contexts from PEM texts: which options, ciphers and groups there are, and what each mistake is called.
#include "tls_context.h"

#include <climits>

namespace wasmpoll {
namespace {

// AEAD with ECDHE only. Those of TLS 1.3 are all of that kind.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// ML-KEM came with OpenSSL 3.5.
constexpr const char* kGroups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

// 112 bits, RSA from 2,048 on, no SHA-1 in signatures: SSL_CTX_set_security_level(3).
constexpr int kSecurityLevel = 2;

// A client's chain. It is held for the handshake alone, by as many as there are handshakes.
constexpr long kMostClientChain = 64 * 1024;

// The flight of a handshake has to fit the wire buffer, four times.
constexpr size_t kMostChain = 64 * 1024;

constexpr uint64_t kOptions = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                              SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
// Without AUTO_RETRY a read returns after each record that carries no data, so that such can be counted.
// A chain is what the operator has written, and is not completed from what clients are judged by.
constexpr long kModes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN;

using Certificate = std::unique_ptr<X509, OpensslFree>;
using Key = std::unique_ptr<EVP_PKEY, OpensslFree>;
using Bio = std::unique_ptr<BIO, OpensslFree>;

bool Refuse(TlsFault* fault, const char* part, const std::string& why) {
  fault->part = part;
  fault->why = why;
  return false;
}

std::string Reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "unknown reason" : reason;
}

bool RefuseByReason(TlsFault* fault, const char* part, const char* what) {
  return Refuse(fault, part, std::string(what) + ": " + Reason());
}

// Without a callback OpenSSL asks at the terminal.
int NoPassword(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of a text, or none with `fault` set.
std::vector<Certificate> ReadCertificates(const std::string& text, const char* part,
                                          TlsFault* fault) {
  std::vector<Certificate> certificates;
  const Bio bio = Memory(text);
  for (;;) {
    ERR_clear_error();
    Certificate certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassword, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  const unsigned long error = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!end) {
    RefuseByReason(fault, part, "has a certificate that cannot be read");
    certificates.clear();
  } else if (certificates.empty()) {
    Refuse(fault, part, "has no certificate (-----BEGIN CERTIFICATE-----)");
  }
  return certificates;
}

Key ReadKey(const std::string& text, TlsFault* fault) {
  bool asked = false;
  ERR_clear_error();
  const Bio bio = Memory(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, &asked));
  if (key != nullptr) return key;
  if (asked) {
    Refuse(fault, "key", "is encrypted; give a key without a passphrase");
  } else if (text.find("PRIVATE KEY-----") == std::string::npos) {
    Refuse(fault, "key", "has no private key (-----BEGIN PRIVATE KEY-----)");
  } else {
    RefuseByReason(fault, "key", "has a private key that cannot be read");
  }
  return key;
}

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
  if (context == nullptr) return RefuseByReason(fault, "", "OpenSSL makes no context");
  if (!Configure(context.get(), options, fault) || !Trust(context.get(), options, fault) ||
      !Use(context.get(), pair, fault)) {
    return false;
  }
  named_.push_back({pair.name, std::move(context)});
  return true;
}

bool TlsContext::Configure(SSL_CTX* context, const TlsOptions& options, TlsFault* fault) {
  const int64_t lifetime_ms = options.tickets ? tickets_->lifetime_ms() : 0;
  const auto refuse = [&](const char* what) { return RefuseByReason(fault, "", what); };
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_mode(context, kModes);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_options(context, kOptions | (lifetime_ms == 0 ? SSL_OP_NO_TICKET : 0));
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_max_cert_list(context, kMostClientChain);
  SSL_CTX_set_default_passwd_cb(context, NoPassword);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_min_proto_version(context, options.oldest) != 1) return refuse("min is refused");
  if (SSL_CTX_set_cipher_list(context, kCiphers) != 1) return refuse("the ciphers are refused");
  bool grouped = false;
  for (const char* const groups : kGroups) {
    grouped = grouped || SSL_CTX_set1_groups_list(context, groups) == 1;
  }
  if (!grouped) return refuse("the groups are refused");
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
  }
  SSL_CTX_set_tlsext_servername_callback(context, ChooseName);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, this);
  return true;
}

// The verify mode is the listener's: SSL_set_SSL_CTX(3) does not change a session's.
bool TlsContext::Trust(SSL_CTX* context, const TlsOptions& options, TlsFault* fault) {
  if (options.clients == TlsClients::kNone) return true;
  const std::vector<Certificate> authorities = ReadCertificates(options.ca, "ca", fault);
  if (authorities.empty()) return false;
  for (const Certificate& authority : authorities) {
    ERR_clear_error();
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return RefuseByReason(fault, "ca", "has a certificate that is refused");
    }
  }
  const int required =
      options.clients == TlsClients::kRequire ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return true;
}

bool TlsContext::Use(SSL_CTX* context, const TlsPair& pair, TlsFault* fault) {
  if (pair.certificate.size() > kMostChain) {
    return Refuse(fault, "cert", "is larger than " + std::to_string(kMostChain) + " bytes");
  }
  const std::vector<Certificate> chain = ReadCertificates(pair.certificate, "cert", fault);
  if (chain.empty()) return false;
  const Key key = ReadKey(pair.key, fault);
  if (key == nullptr) return false;
  // First: a key that does not fit makes OpenSSL forget the certificate, and say that there is none.
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Refuse(fault, "key", "is not the key of the certificate");
  }
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return RefuseByReason(fault, "cert", "is refused by OpenSSL");
  }
  for (size_t index = 1; index < chain.size(); ++index) {
    if (SSL_CTX_add1_chain_cert(context, chain[index].get()) != 1) {
      return RefuseByReason(fault, "cert", "has a certificate that is refused by OpenSSL");
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return RefuseByReason(fault, "key", "is refused by OpenSSL");
  }
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

}  // namespace wasmpoll
