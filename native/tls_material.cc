// From PEM texts to contexts: which ciphers, groups and modes there are, and what each mistake is called.
#include "tls_material.h"

#include <climits>

namespace wasmpoll {
namespace {

// AEAD with ECDHE only. Those of TLS 1.3 are all of that kind.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// ML-KEM came with OpenSSL 3.5, and the star with it: a client sends a key for each group that has one, and so
// needs no second round with servers that do not know ML-KEM.
constexpr const char* kGroups[] = {"*X25519MLKEM768:*X25519:P-256:P-384",
                                   "X25519:P-256:P-384"};

// 112 bits, RSA from 2,048 on, no SHA-1 in signatures: SSL_CTX_set_security_level(3).
constexpr int kSecurityLevel = 2;

// A peer's chain. It is held for the handshake alone, by as many as there are handshakes.
constexpr long kMostPeerChain = 64 * 1024;

// The flight of a handshake has to fit the wire buffer, four times.
constexpr size_t kMostChain = 64 * 1024;

constexpr uint64_t kOptions = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
// Without AUTO_RETRY a read returns after each record that carries no data, so that such can be counted.
// A chain is what the operator has written, and is not completed from what peers are judged by.
constexpr long kModes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN;

using Key = std::unique_ptr<EVP_PKEY, OpensslFree>;
using Bio = std::unique_ptr<BIO, OpensslFree>;

std::string Reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "unknown reason" : reason;
}

// Without a callback OpenSSL asks at the terminal.
int NoPassword(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Key ReadKey(const std::string& text, TlsFault* fault) {
  bool asked = false;
  ERR_clear_error();
  const Bio bio = Memory(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, &asked));
  if (key != nullptr) return key;
  if (asked) {
    RefuseTls(fault, "key", "is encrypted; give a key without a passphrase");
  } else if (text.find("PRIVATE KEY-----") == std::string::npos) {
    RefuseTls(fault, "key", "has no private key (-----BEGIN PRIVATE KEY-----)");
  } else {
    RefuseTlsByReason(fault, "key", "has a private key that cannot be read");
  }
  return key;
}

}  // namespace

bool RefuseTls(TlsFault* fault, const char* part, const std::string& why) {
  fault->part = part;
  fault->why = why;
  return false;
}

bool RefuseTlsByReason(TlsFault* fault, const char* part, const char* what) {
  return RefuseTls(fault, part, std::string(what) + ": " + Reason());
}

bool ApplyTlsRules(SSL_CTX* context, int oldest, TlsFault* fault) {
  const auto refuse = [&](const char* what) { return RefuseTlsByReason(fault, "", what); };
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_mode(context, kModes);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_options(context, kOptions);
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_max_cert_list(context, kMostPeerChain);
  SSL_CTX_set_default_passwd_cb(context, NoPassword);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_min_proto_version(context, oldest) != 1) return refuse("min is refused");
  if (SSL_CTX_set_cipher_list(context, kCiphers) != 1) return refuse("the ciphers are refused");
  bool grouped = false;
  for (const char* const groups : kGroups) {
    grouped = grouped || SSL_CTX_set1_groups_list(context, groups) == 1;
  }
  return grouped || refuse("the groups are refused");
}

std::vector<TlsCertificate> ReadCertificates(const std::string& text, const char* part,
                                             TlsFault* fault) {
  std::vector<TlsCertificate> certificates;
  const Bio bio = Memory(text);
  for (;;) {
    ERR_clear_error();
    TlsCertificate certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassword, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  const unsigned long error = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!end) {
    RefuseTlsByReason(fault, part, "has a certificate that cannot be read");
    certificates.clear();
  } else if (certificates.empty()) {
    RefuseTls(fault, part, "has no certificate (-----BEGIN CERTIFICATE-----)");
  }
  return certificates;
}

X509_STORE* TlsAuthorities::Read(const std::string& text, TlsFault* fault) {
  if (store_ != nullptr && text == text_) return store_.get();
  const std::vector<TlsCertificate> authorities = ReadCertificates(text, "ca", fault);
  if (authorities.empty()) return nullptr;
  std::unique_ptr<X509_STORE, OpensslFree> store(X509_STORE_new());
  for (const TlsCertificate& authority : authorities) {
    ERR_clear_error();
    if (store == nullptr || X509_STORE_add_cert(store.get(), authority.get()) != 1) {
      RefuseTlsByReason(fault, "ca", "has a certificate that is refused");
      return nullptr;
    }
  }
  text_ = text;
  store_ = std::move(store);
  return store_.get();
}

bool UseTlsPair(SSL_CTX* context, const TlsPair& pair, TlsFault* fault) {
  if (pair.certificate.size() > kMostChain) {
    return RefuseTls(fault, "cert", "is larger than " + std::to_string(kMostChain) + " bytes");
  }
  const std::vector<TlsCertificate> chain = ReadCertificates(pair.certificate, "cert", fault);
  if (chain.empty()) return false;
  const Key key = ReadKey(pair.key, fault);
  if (key == nullptr) return false;
  // First: a key that does not fit makes OpenSSL forget the certificate, and say that there is none.
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return RefuseTls(fault, "key", "is not the key of the certificate");
  }
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return RefuseTlsByReason(fault, "cert", "is refused by OpenSSL");
  }
  for (size_t index = 1; index < chain.size(); ++index) {
    if (SSL_CTX_add1_chain_cert(context, chain[index].get()) != 1) {
      return RefuseTlsByReason(fault, "cert", "has a certificate that is refused by OpenSSL");
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return RefuseTlsByReason(fault, "key", "is refused by OpenSSL");
  }
  return true;
}

}  // namespace wasmpoll
