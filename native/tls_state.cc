// One TlsState for each server that has TLS, and who finds it.
#include "tls_state.h"

#include <algorithm>

namespace wasmpoll {
namespace {

// By number. Never destroyed: threads may still run when the process ends.
struct States {
  std::mutex lock;
  std::map<int, std::weak_ptr<TlsState>> states;
  int last = 0;
};

States& Table() {
  static States& states = *new States;
  return states;
}

}  // namespace

int TlsState::Enter(const std::shared_ptr<TlsState>& state) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  table.states[++table.last] = state;
  return table.last;
}

void TlsState::Remove(int id) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  table.states.erase(id);
}

std::shared_ptr<TlsState> TlsState::Find(int id) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  const auto found = table.states.find(id);
  return found == table.states.end() ? nullptr : found->second.lock();
}

bool TlsState::Prepare(int listener, TlsOptions options, TlsFault* fault) {
  Listener prepared{{options.ca, options.clients}, nullptr};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    const auto found = listeners_.find(listener);
    if (found != listeners_.end()) {
      const Trust& before = found->second.trust;
      const bool same = before.ca == options.ca && before.clients == options.clients;
      prepared.trust.generation = before.generation + (same ? 0 : 1);
    }
  }
  options.session_context =
      std::to_string(listener) + "/" + std::to_string(prepared.trust.generation);
  prepared.context = TlsContext::Make(options, tickets_, fault);
  if (prepared.context == nullptr) return false;
  const std::lock_guard<std::mutex> guard(lock_);
  prepared_[listener] = std::move(prepared);
  return true;
}

bool TlsState::PrepareOutward(int upstream, const TlsOutwardOptions& options, TlsFault* fault) {
  std::shared_ptr<TlsOutward> made = TlsOutward::Make(options, &authorities_, fault);
  if (made == nullptr) return false;
  const std::lock_guard<std::mutex> guard(lock_);
  prepared_upstreams_[upstream] = std::move(made);
  return true;
}

void TlsState::Commit() {
  // Destroyed last: contexts that nobody uses any more end outside the lock.
  std::map<int, Listener> before;
  std::map<int, std::shared_ptr<TlsOutward>> upstreams_before;
  const std::lock_guard<std::mutex> guard(lock_);
  before = listeners_;
  upstreams_before = upstreams_;
  for (auto& [listener, prepared] : prepared_) listeners_[listener] = std::move(prepared);
  for (auto& [upstream, prepared] : prepared_upstreams_) upstreams_[upstream] = prepared;
  prepared_.clear();
  prepared_upstreams_.clear();
}

void TlsState::Discard() {
  const std::lock_guard<std::mutex> guard(lock_);
  prepared_.clear();
  prepared_upstreams_.clear();
}

std::shared_ptr<TlsOutward> TlsState::OutwardOf(int upstream) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = upstreams_.find(upstream);
  return found == upstreams_.end() ? nullptr : found->second;
}

std::shared_ptr<TlsContext> TlsState::ContextOf(int listener) {
  const std::lock_guard<std::mutex> guard(lock_);
  const auto found = listeners_.find(listener);
  return found == listeners_.end() ? nullptr : found->second.context;
}

std::shared_ptr<TlsSessions> TlsState::SessionsOf(int seat) {
  const std::lock_guard<std::mutex> guard(lock_);
  std::shared_ptr<TlsSessions>& sessions = seats_[seat];
  if (sessions == nullptr) sessions = std::make_shared<TlsSessions>();
  return sessions;
}

void TlsState::Count(double* columns) {
  std::fill_n(columns, kTlsCounts, 0.0);
  const std::lock_guard<std::mutex> guard(lock_);
  own_.AddTo(columns);
  for (const auto& [seat, sessions] : seats_) sessions->AddTo(columns);
}

}  // namespace wasmpoll
