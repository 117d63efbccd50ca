// What a listener shows to those who connect: certificates by name, and what it asks of them. Made whole from
// PEM texts or not at all, and never changed afterwards. Knows no file and no connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "openssl.h"
#include "tls_material.h"
#include "tls_tickets.h"

namespace wasmpoll {

enum class TlsClients { kNone, kRequest, kRequire };

struct TlsOptions {
  std::vector<TlsPair> pairs;
  // Certificates by which clients are judged.
  std::string ca;
  TlsClients clients = TlsClients::kNone;
  // Protocols, each behind its length; the best first.
  std::string alpn;
  // TLS1_2_VERSION or TLS1_3_VERSION.
  int oldest = TLS1_2_VERSION;
  bool tickets = true;
  // What a ticket is good for: those of another context are none.
  std::string session_context;
};

class TlsContext {
 public:
  // Null with `fault` set when something is wrong. The tickets outlive the context.
  static std::shared_ptr<TlsContext> Make(const TlsOptions& options,
                                          std::shared_ptr<TlsTickets> tickets, TlsFault* fault);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For whom no name is known yet.
  SSL_CTX* First() const { return named_.front().context.get(); }

 private:
  struct Named {
    std::string name;
    std::unique_ptr<SSL_CTX, OpensslFree> context;
  };

  TlsContext(const TlsOptions& options, std::shared_ptr<TlsTickets> tickets)
      : alpn_(options.alpn), tickets_(std::move(tickets)) {}

  bool Add(const TlsOptions& options, const TlsPair& pair, TlsFault* fault);
  bool Configure(SSL_CTX* context, const TlsOptions& options, TlsFault* fault);
  static bool Trust(SSL_CTX* context, const TlsOptions& options, TlsFault* fault);

  // Null if the name is no one's.
  SSL_CTX* Find(std::string_view name) const;

  static int ChooseName(SSL* ssl, int* alert, void* self);
  static int ChooseProtocol(SSL* ssl, const unsigned char** chosen, unsigned char* length,
                            const unsigned char* offered, unsigned int offered_length, void* self);
  static int PrepareTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int encrypts);
  static int NoteTicket(SSL* ssl, void* self);
  static SSL_TICKET_RETURN JudgeTicket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                                       size_t name_length, SSL_TICKET_STATUS status, void* self);

  std::vector<Named> named_;
  const std::string alpn_;
  const std::shared_ptr<TlsTickets> tickets_;
};

}  // namespace wasmpoll
