// Handshakes of connections to upstreams, which the server's thread makes before a seat gets them. A session is
// here from its first step until a seat takes it. Knows descriptors and numbers; must not know why one is made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tls_outward.h"
#include "tls_session.h"

namespace wasmpoll {

class TlsSessions;

// What a step answers, besides −errno, kTlsFailed and kTlsTruncated: it goes on when there is input, or room for
// output; or it is done.
constexpr int kTlsDialReads = 0;
constexpr int kTlsDialWrites = 1;
constexpr int kTlsDialDone = 2;

class TlsDials {
 public:
  // `counts` is where the handshakes are counted.
  explicit TlsDials(TlsSessions* counts) : counts_(counts) {}
  TlsDials(const TlsDials&) = delete;
  TlsDials& operator=(const TlsDials&) = delete;

  // The server's thread alone calls these.
  // `peer` names who is connected to, for the sessions that go on; @returns a number, or 0 if out of memory
  int Begin(std::shared_ptr<TlsOutward> outward, const std::string& host, const std::string& peer,
            int fd);
  int Step(int id);
  // Why it has failed, in words.
  std::string Why(int id);
  // And as one of kTlsCause….
  int Cause(int id);

  // Any thread may call these.
  // Its session, which is nowhere else from here on; null if there is none.
  std::unique_ptr<TlsSession> Take(int id);
  void Drop(int id) { Take(id); }

 private:
  struct Dial {
    std::unique_ptr<TlsSession> session;
    int fd;
    // What the socket had no room for.
    std::vector<uint8_t> unsent;
  };

  Dial* Find(int id);
  // −errno when it fails.
  static int Send(Dial* dial, const uint8_t* start, size_t length);

  TlsSessions* const counts_;
  std::mutex lock_;
  std::map<int, Dial> dials_;
  int last_ = 0;
  std::unique_ptr<uint8_t[]> received_;
  std::unique_ptr<uint8_t[]> wire_;
};

}  // namespace wasmpoll
