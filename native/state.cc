// Seats and connections that come and go, and what is counted of them.
#include "state.h"

#include <unordered_set>

namespace wasmpoll {

using Guard = std::lock_guard<std::mutex>;

State::State(const Limits& limits)
    : limits_(limits),
      store_(limits.store_bytes),
      topics_(limits.group_bytes, limits.joins) {}

bool State::Open(int seat, int fd, Wake::Close close) {
  const Guard guard(lock_);
  if (seats_.size() <= static_cast<size_t>(seat)) seats_.resize(seat + 1);
  if (seats_[seat]) return false;
  std::shared_ptr<Wake> wake;
  if (fd >= 0) wake = std::make_shared<Wake>(fd, close);
  seats_[seat] = std::make_shared<Seat>(seat, limits_.queue_bytes, std::move(wake));
  return true;
}

std::shared_ptr<Wake> State::CloseLocked(int number) {
  Seat* const seat = Opened(number);
  if (seat == nullptr) return nullptr;
  seat->closed = true;
  topics_.LeaveBut(number, [](int) { return false; });
  seat->messages.Clear();
  seat->records.Clear();
  seat->replies.Close();
  std::shared_ptr<Wake> wake = std::move(seat->wake);
  seats_[number] = {};
  return wake;
}

void State::Close(int seat) {
  // Whoever rings it just now is its last user.
  std::shared_ptr<Wake> wake;
  const Guard guard(lock_);
  wake = CloseLocked(seat);
}

void State::Release() {
  std::vector<std::shared_ptr<Wake>> wakes;
  {
    const Guard guard(lock_);
    for (size_t seat = 0; seat < seats_.size(); ++seat) {
      wakes.push_back(CloseLocked(static_cast<int>(seat)));
    }
    topics_.Clear();
  }
  store_.Close();
}

std::shared_ptr<Seat> State::At(int seat) {
  const Guard guard(lock_);
  return static_cast<size_t>(seat) < seats_.size() ? seats_[seat] : nullptr;
}

Seat* State::Opened(int seat) const {
  return seat >= 0 && static_cast<size_t>(seat) < seats_.size() ? seats_[seat].get() : nullptr;
}

void State::Answer(int seat, int handle, int tag, int status, std::string_view bytes) {
  Reply reply;
  reply.handle = handle;
  reply.tag = tag;
  reply.status = status;
  reply.SetBytes(bytes);
  std::shared_ptr<Wake> wake;
  {
    const Guard guard(lock_);
    Seat* const asking = Opened(seat);
    if (asking == nullptr || !asking->replies.Answer(std::move(reply))) return;
    if (!asking->signalled.exchange(true)) wake = asking->wake;
  }
  if (wake) wake->Ring();
}

void State::Count(double* columns) {
  store_.Count(columns);
  const Guard guard(lock_);
  topics_.Count(columns);
  size_t waiting = 0;
  size_t pending = 0;
  for (const std::shared_ptr<Seat>& seat : seats_) {
    if (!seat) continue;
    waiting += seat->waiting.bytes();
    pending += seat->replies.Pending();
  }
  columns[kCountQueueBytes] = static_cast<double>(waiting);
  columns[kCountPending] = static_cast<double>(pending);
  columns[kCountPublished] = static_cast<double>(published_);
  columns[kCountDelivered] = static_cast<double>(delivered_);
  columns[kCountMissed] = static_cast<double>(missed_);
  columns[kCountLeftOut] = static_cast<double>(left_out_);
  columns[kCountPoisoned] = static_cast<double>(poisoned_);
}

double State::Retained() {
  const Guard guard(lock_);
  return static_cast<double>(topics_.CountKept());
}

int State::Check(const Seat& seat, const Record& record, int joins) {
  const Guard guard(lock_);
  if (seat.closed) return kStatusOk;
  if (record.IsStore()) {
    const Seat* const route = Opened(store_route_);
    const size_t charge = kChargeEntry + record.first.size() + record.second.size();
    return route == nullptr || route->waiting.Fits(charge) ? kStatusOk : kStatusLimit;
  }
  return topics_.Fits(record, seat.number, joins) ? kStatusOk : kStatusLimit;
}

void State::LeaveAll(Seat& seat, int handle) {
  {
    const Guard guard(lock_);
    if (!seat.closed) topics_.LeaveAll(seat.number, handle);
  }
  seat.replies.Drop(handle);
}

void State::Adopt(Seat& seat, const std::vector<int32_t>& handles, const int32_t* block,
                  int32_t* pending) {
  const std::unordered_set<int32_t> live(handles.begin(), handles.end());
  const auto stays = [&live](int32_t handle) { return live.contains(handle); };
  const Guard taking(seat.taking);
  {
    const Guard guard(lock_);
    if (!seat.closed) topics_.LeaveBut(seat.number, stays);
  }
  seat.replies.DropBut(stays);
  std::unordered_map<int32_t, int> unserved;
  CountUnserved(block, &unserved);
  for (size_t index = 0; index < handles.size(); ++index) {
    const auto found = unserved.find(handles[index]);
    pending[index] =
        seat.replies.Pending(handles[index]) + (found == unserved.end() ? 0 : found->second);
  }
}

}  // namespace wasmpoll
