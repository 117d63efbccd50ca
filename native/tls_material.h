// What the contexts of both sides are made from: certificates and keys out of PEM texts, and the rules that hold
// for every session. Knows what each mistake is called; must not know who shows what to whom.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "openssl.h"

namespace wasmpoll {

// A certificate with its chain, and its key.
struct TlsPair {
  // Whom it is for; empty in the first of a listener's, since it is for all others.
  std::string name;
  std::string certificate;
  std::string key;
};

// What is wrong with options: with which pair of them, or −1 for the others.
struct TlsFault {
  int pair = -1;
  std::string part;
  std::string why;
};

using TlsCertificate = std::unique_ptr<X509, OpensslFree>;

// All of these answer false, or with nothing, when `fault` was set.
bool RefuseTls(TlsFault* fault, const char* part, const std::string& why);
// Why: what OpenSSL says last.
bool RefuseTlsByReason(TlsFault* fault, const char* part, const char* what);

// Versions, ciphers, groups and modes.
bool ApplyTlsRules(SSL_CTX* context, int oldest, TlsFault* fault);
// The certificates of a text; none is a fault.
std::vector<TlsCertificate> ReadCertificates(const std::string& text, const char* part,
                                             TlsFault* fault);
// The authorities of a text, of the last that was asked for: Node's list has 150, and is the same for all upstreams.
class TlsAuthorities {
 public:
  // Null with `fault` set when something is wrong.
  X509_STORE* Read(const std::string& text, TlsFault* fault);

 private:
  std::string text_;
  std::unique_ptr<X509_STORE, OpensslFree> store_;
};
// What the context shows.
bool UseTlsPair(SSL_CTX* context, const TlsPair& pair, TlsFault* fault);

}  // namespace wasmpoll
