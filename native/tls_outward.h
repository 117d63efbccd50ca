// How connections to one upstream are protected: by whom its servers must be vouched for, what they are shown, and
// which sessions with them may go on. Made whole from PEM texts or not at all. Knows no file and no connection.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "openssl.h"
#include "tls_material.h"

namespace wasmpoll {

struct TlsOutwardOptions {
  // The host that a certificate must be for, unless a session is told another.
  std::string host;
  // Certificates of authorities; not looked at if nothing is verified.
  std::string ca;
  // Empty texts show none.
  TlsPair pair;
  // Protocols, each behind its length; the best first.
  std::string alpn;
  // TLS1_2_VERSION or TLS1_3_VERSION.
  int oldest = TLS1_2_VERSION;
  bool verifies = true;
  // So long after a certificate was looked at a session may go on without that; 0: never.
  int64_t resume_ms = 0;
};

class TlsOutward {
 public:
  // Null with `fault` set when something is wrong.
  static std::shared_ptr<TlsOutward> Make(const TlsOutwardOptions& options,
                                          TlsAuthorities* authorities, TlsFault* fault);
  ~TlsOutward();
  TlsOutward(const TlsOutward&) = delete;
  TlsOutward& operator=(const TlsOutward&) = delete;

  SSL_CTX* context() const { return context_.get(); }
  const std::string& host() const { return host_; }

  // Has a session ask for this host, and take no certificate but one for it: a name, or an address as text.
  // @returns false when it cannot
  bool Aim(SSL* ssl, const std::string& host) const;

  // A session with this peer that may go on, and since when it does; to be freed. Null if there is none.
  SSL_SESSION* Recall(const std::string& peer, int64_t* since_ms);
  // Another one for later. Any thread may call. @returns whether it is kept
  bool Keep(const std::string& peer, SSL_SESSION* session, int64_t since_ms);

 private:
  struct Kept {
    std::string peer;
    SSL_SESSION* session;
    int64_t since_ms;
  };

  explicit TlsOutward(const TlsOutwardOptions& options)
      : host_(options.host), alpn_(options.alpn), resume_ms_(options.resume_ms) {}

  bool Configure(const TlsOutwardOptions& options, TlsFault* fault);
  bool Trust(const TlsOutwardOptions& options, TlsAuthorities* authorities, TlsFault* fault);

  std::unique_ptr<SSL_CTX, OpensslFree> context_;
  const std::string host_;
  const std::string alpn_;
  const int64_t resume_ms_;
  std::mutex lock_;
  // The newest first.
  std::list<Kept> kept_;
};

}  // namespace wasmpoll
