// What the threads of one server share for TLS: contexts by listener, and sessions by seat and slot, which
// outlive the thread that serves them. Knows who owns what; must not know bytes.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tls_context.h"
#include "tls_dials.h"
#include "tls_session.h"
#include "tls_tickets.h"

namespace wasmpoll {

// What is counted, as columns.
constexpr int kTlsHandshakes = 0;
constexpr int kTlsResumptions = 1;
constexpr int kTlsTruncations = 2;
constexpr int kTlsBytesIn = 3;
constexpr int kTlsBytesOut = 4;
// As many as there are causes.
constexpr int kTlsFailures = 5;
constexpr int kTlsCounts = kTlsFailures + kTlsCauses;

// The sessions of one seat. Only the thread that has the seat calls, and its successor after it.
class TlsSessions {
 public:
  // Null if the slot has none.
  TlsSession* At(int slot) const {
    if (slot < 0 || static_cast<size_t>(slot) >= sessions_.size()) return nullptr;
    return sessions_[slot].get();
  }
  // Instead of what an earlier thread has left there.
  void Set(int slot, std::unique_ptr<TlsSession> session) {
    if (static_cast<size_t>(slot) >= sessions_.size()) sessions_.resize(slot + 1);
    sessions_[slot] = std::move(session);
  }
  void Free(int slot) {
    if (At(slot) != nullptr) sessions_[slot].reset();
  }

  // Other threads read it.
  void Count(int column, double more) {
    std::atomic<double>& count = counts_[column];
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  // What a receive has brought. A failure is counted when it is told.
  void Note(const TlsReceived& received) {
    if (received.received > 0) Count(kTlsBytesIn, received.received);
    if ((received.events & kTlsReady) != 0) {
      Count(kTlsHandshakes, 1);
      if ((received.events & kTlsResumed) != 0) Count(kTlsResumptions, 1);
    }
    if (received.result == kTlsTruncated) Count(kTlsTruncations, 1);
    if (received.result != kTlsFailed) return;
    Count(kTlsFailures + (received.events >> kTlsCauseShift), 1);
  }
  void AddTo(double* columns) const {
    for (int column = 0; column < kTlsCounts; ++column) {
      columns[column] += counts_[column].load(std::memory_order_relaxed);
    }
  }

 private:
  std::vector<std::unique_ptr<TlsSession>> sessions_;
  std::atomic<double> counts_[kTlsCounts] = {};
};

class TlsState {
 public:
  explicit TlsState(int64_t ticket_lifetime_ms)
      : tickets_(std::make_shared<TlsTickets>(ticket_lifetime_ms)) {}
  TlsState(const TlsState&) = delete;
  TlsState& operator=(const TlsState&) = delete;

  // Builds a listener's context and keeps it aside. @returns false with `fault` set
  bool Prepare(int listener, TlsOptions options, TlsFault* fault);
  // The same for an upstream.
  bool PrepareOutward(int upstream, const TlsOutwardOptions& options, TlsFault* fault);
  int64_t ticket_lifetime_ms() const { return tickets_->lifetime_ms(); }
  // All that was prepared takes effect, for those who connect from now on.
  void Commit();
  void Discard();

  // Null if the listener has none.
  std::shared_ptr<TlsContext> ContextOf(int listener);
  // Null if the upstream has none.
  std::shared_ptr<TlsOutward> OutwardOf(int upstream);
  TlsDials* dials() { return &dials_; }
  std::shared_ptr<TlsSessions> SessionsOf(int seat);
  void Count(double* columns);

  // By number, for the threads of this process.
  static int Enter(const std::shared_ptr<TlsState>& state);
  static void Remove(int id);
  static std::shared_ptr<TlsState> Find(int id);

 private:
  struct Trust {
    std::string ca;
    TlsClients clients = TlsClients::kNone;
    // How often it was changed: what was agreed upon under another is not resumed.
    int generation = 0;
  };
  struct Listener {
    Trust trust;
    std::shared_ptr<TlsContext> context;
  };

  std::mutex lock_;
  const std::shared_ptr<TlsTickets> tickets_;
  std::map<int, Listener> listeners_;
  std::map<int, Listener> prepared_;
  std::map<int, std::shared_ptr<TlsOutward>> upstreams_;
  std::map<int, std::shared_ptr<TlsOutward>> prepared_upstreams_;
  std::map<int, std::shared_ptr<TlsSessions>> seats_;
  // The server's thread alone asks.
  TlsAuthorities authorities_;
  // Of the server's thread, which has no seat.
  TlsSessions own_;
  TlsDials dials_{&own_};
};

}  // namespace wasmpoll
