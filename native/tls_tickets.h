// The keys of session tickets: one set for each server, the same for all of its threads and contexts. Knows
// keys and their age; must not know what is in a ticket.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>

#include "openssl.h"

namespace wasmpoll {

class TlsTickets {
 public:
  // A key makes tickets for half of the time, and opens them for all of it; 0 makes none.
  explicit TlsTickets(int64_t lifetime_ms) : lifetime_ms_(lifetime_ms) {}
  ~TlsTickets();
  TlsTickets(const TlsTickets&) = delete;
  TlsTickets& operator=(const TlsTickets&) = delete;

  // The clock of all that has to do with tickets.
  static int64_t NowMs();

  int64_t lifetime_ms() const { return lifetime_ms_; }

  // As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it. `once`: clients use a ticket once, and need another.
  int Prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              bool encrypts, bool once);

 private:
  static constexpr size_t kName = 16;
  static constexpr size_t kSecret = 32;

  struct Key {
    uint8_t name[kName];
    uint8_t cipher[kSecret];
    uint8_t mac[kSecret];
    int64_t made_ms;

    ~Key() { OPENSSL_cleanse(this, sizeof *this); }
  };

  static int Arm(const Key& key, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                 bool encrypts);
  // Null if there is no randomness.
  const Key* Newest(int64_t now);

  const int64_t lifetime_ms_;
  std::mutex lock_;
  // The newest first.
  std::list<Key> keys_;
};

}  // namespace wasmpoll
