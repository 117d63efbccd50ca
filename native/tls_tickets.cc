// Tickets outlive a reload of the certificates, and are good with every thread.
#include "tls_tickets.h"

#include <cstring>
#include <ctime>

namespace wasmpoll {
namespace {

// Answers of the callback.
constexpr int kFailed = -1;
constexpr int kUnknown = 0;
constexpr int kGood = 1;
constexpr int kRenew = 2;

}  // namespace

int64_t TlsTickets::NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

TlsTickets::~TlsTickets() = default;

const TlsTickets::Key* TlsTickets::Newest(int64_t now) {
  while (!keys_.empty() && now - keys_.back().made_ms >= lifetime_ms_) keys_.pop_back();
  if (!keys_.empty() && now - keys_.front().made_ms < (lifetime_ms_ + 1) / 2) return &keys_.front();
  Key& key = keys_.emplace_front();
  key.made_ms = now;
  if (RAND_bytes(key.name, sizeof key.name) == 1 && RAND_bytes(key.cipher, sizeof key.cipher) == 1 &&
      RAND_bytes(key.mac, sizeof key.mac) == 1) {
    return &key;
  }
  keys_.pop_front();
  return nullptr;
}

int TlsTickets::Prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac, bool encrypts, bool once) {
  const std::lock_guard<std::mutex> guard(lock_);
  const Key* const newest = Newest(NowMs());
  if (newest == nullptr) return encrypts ? kFailed : kUnknown;
  if (encrypts) {
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return kFailed;
    memcpy(name, newest->name, kName);
    return Arm(*newest, iv, cipher, mac, true);
  }
  for (const Key& key : keys_) {
    if (memcmp(name, key.name, kName) != 0) continue;
    const int armed = Arm(key, iv, cipher, mac, false);
    return armed == kGood && (once || &key != newest) ? kRenew : armed;
  }
  return kUnknown;
}

int TlsTickets::Arm(const Key& key, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                    bool encrypts) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key.mac), kSecret),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  const int armed =
      encrypts ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv)
               : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv);
  return armed == 1 && EVP_MAC_CTX_set_params(mac, params) == 1 ? kGood : kFailed;
}

}  // namespace wasmpoll
