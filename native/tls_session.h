// One TLS session: what came from a socket becomes plaintext, and plaintext becomes what goes to it. Knows
// OpenSSL and ranges of bytes; must not know rows, nor who waits for what.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "openssl.h"
#include "tls_context.h"
#include "tls_outward.h"

namespace wasmpoll {

// Results beside counts and −errno.
// Something was done, and nothing came of it for the caller.
constexpr int kTlsMore = -5001;
constexpr int kTlsFailed = -5002;
// The stream has ended, and nobody has said that it would.
constexpr int kTlsTruncated = -5003;

// Bits of what else a receive has brought.
constexpr int kTlsReady = 1;
// An end or a failure is still to be told, by the next receive.
constexpr int kTlsOver = 2;
// With kTlsReady: an earlier session goes on.
constexpr int kTlsResumed = 4;
// Above these bits: why it failed, one of kTlsCause….
constexpr int kTlsCauseShift = 8;

// Of a listener's sessions for counting alone: what is done is the same for all.
constexpr int kTlsCauseOther = 0;
constexpr int kTlsCauseNotTls = 1;
constexpr int kTlsCauseVersion = 2;
constexpr int kTlsCauseCipher = 3;
constexpr int kTlsCauseAlpn = 4;
constexpr int kTlsCauseClient = 5;
constexpr int kTlsCauseAlert = 6;
constexpr int kTlsCauseRecord = 7;
constexpr int kTlsCauseFlood = 8;
// The certificate of an upstream.
constexpr int kTlsCauseServer = 9;
constexpr int kTlsCauses = 10;

// A receive leaves so much of its room unused: what was received before of a record that is complete now
// comes out as well. 16 KiB of plaintext, and what expands it; RFC 8446, 5.2.
constexpr int kTlsSlack = 17 * 1024;
// The most that one receive takes from the socket.
constexpr int kTlsReceive = 128 * 1024;
// The most plaintext that is sealed before it is sent.
constexpr int kTlsSeal = 64 * 1024;
// What a receive or a seal makes for the peer fits: answers are shorter than what they answer, but for a
// handshake's flight.
constexpr int kTlsWire = 256 * 1024;
constexpr int kTlsRecord = 16 * 1024;

// Where ciphertext for the peer gathers.
struct TlsWire {
  uint8_t* data;
  size_t used = 0;
};

struct TlsReceived {
  // Plaintext, 0 at its end, −errno, or one of the above.
  int result = kTlsMore;
  // Ciphertext.
  int received = 0;
  int events = 0;
};

class TlsSession {
 public:
  // Null if out of memory.
  static std::unique_ptr<TlsSession> Make(std::shared_ptr<TlsContext> context, int handle);
  // With a server of this host; an empty one is the context's. `peer` names the server for sessions that go on.
  static std::unique_ptr<TlsSession> MakeOutward(std::shared_ptr<TlsOutward> context,
                                                 const std::string& host, const std::string& peer,
                                                 int handle);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  int handle() const { return handle_; }
  // Of the connection whose it is from here on.
  void set_handle(int handle) { handle_ = handle; }
  bool ready() const { return ready_; }
  // Why an outward one has failed: in words, and as one of kTlsCause….
  const std::string& why() const { return outward_->why; }
  int cause() const { return cause_; }

  // Came before the first receive, which takes these bytes instead; at most kTlsReceive.
  void Feed(const uint8_t* start, size_t length) { early_.assign(start, start + length); }

  // One recv(2) into `buffer`, which has kTlsReceive bytes; `room` is more than kTlsSlack. Nothing decrypted
  // is left inside. What is to be told yet is told without a receive.
  TlsReceived Receive(int fd, uint8_t* start, int room, uint8_t* buffer, TlsWire* wire);
  // As Receive, of an outward handshake: what comes behind it waits for the first Receive, encrypted as it is.
  // The first one takes nothing from the socket.
  TlsReceived Step(int fd, uint8_t* buffer, int room, TlsWire* wire);
  // Something waits for the first Receive.
  bool early() const { return !early_.empty(); }
  // At most kTlsSeal bytes at a time. @returns false when it has failed
  bool Seal(const uint8_t* start, size_t length, TlsWire* wire);
  // Says that nothing comes any more.
  void End(TlsWire* wire);
  // What is known of the peer or agreed with it; false if it is nothing.
  bool Fact(const std::string& name, std::string* value) const;

  // A server has given a session that may go on later; SSL_CTX_sess_set_new_cb(3).
  static int Renewed(SSL* ssl, SSL_SESSION* session);

  // Sessions of this process.
  static int Count() { return count_.load(std::memory_order_relaxed); }

 private:
  // What is over, when something is.
  enum class Over { kNothing, kEnded, kFailed, kTruncated };

  // What only sessions with upstreams have.
  struct Outward {
    const std::shared_ptr<TlsOutward> context;
    const std::string peer;
    const int64_t begun_ms;
    // Of an earlier session that may go on.
    int64_t since_ms = 0;
    // Something was said.
    bool begun = false;
    std::string why;
  };

  TlsSession(std::shared_ptr<TlsContext> context, std::unique_ptr<Outward> outward, int handle)
      : context_(std::move(context)), outward_(std::move(outward)), handle_(handle) {
    count_.fetch_add(1, std::memory_order_relaxed);
  }

  // False if out of memory.
  bool Open(SSL_CTX* context);
  static const BIO_METHOD* Method();
  static int BioRead(BIO* bio, char* target, int length);
  static int BioWrite(BIO* bio, const char* source, int length);
  static long BioControl(BIO* bio, int command, long number, void* pointer);
  static void Observe(int writes, int version, int type, const void* start, size_t length, SSL* ssl,
                      void* self);

  int Take(int fd, int room, uint8_t* buffer);
  void Shake(TlsReceived* received);
  // The first of an outward handshake, which needs no input.
  void Begin(TlsReceived* received, TlsWire* wire);
  void Read(uint8_t* start, int room, TlsReceived* received);
  // Whether the call that has returned `result` wants nothing but more input; notes what is over otherwise.
  bool Starves(int result);
  void Bear();
  bool Fail(int cause);
  // What OpenSSL has failed of.
  bool FailOf(unsigned long error);
  void Tell(TlsReceived* received) const;

  static inline std::atomic<int> count_{0};

  // Before the session, which refers to it.
  const std::shared_ptr<TlsContext> context_;
  const std::unique_ptr<Outward> outward_;
  std::unique_ptr<SSL, OpensslFree> ssl_;
  int handle_;
  bool ready_ = false;
  Over over_ = Over::kNothing;
  int cause_ = kTlsCauseOther;
  std::vector<uint8_t> early_;
  // Records in a row that carried nothing, while nothing was sealed either.
  int barren_ = 0;
  // Changes of keys that were not earned by records of data, in such records.
  int changes_ = 0;
  // During a call.
  const uint8_t* input_ = nullptr;
  size_t left_ = 0;
  // More input was asked for than there was.
  bool starved_ = false;
  TlsWire* wire_ = nullptr;
};

}  // namespace wasmpoll
