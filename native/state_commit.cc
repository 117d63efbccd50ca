// What a commit does. What needs the one lock is done in one hold of it; the store has locks of its own.
#include "state.h"

namespace wasmpoll {

using Guard = std::lock_guard<std::mutex>;

// Made before the lock is taken: copying takes its time.
Ref<Message> State::MessageOf(const Record& record, int seat) const {
  Ref<Message> message = Message::Make(record.first, record.second);
  if (record.op == kOpDirect) return message;
  message->hash = topics_.HashOf(message->topic());
  if (record.Is(kFlagOthers)) {
    message->others_seat = seat;
    message->others_handle = record.handle;
  }
  return message;
}

// The store comes first, as it has locks of its own; its replies are queued in the order of all records.
int State::Commit(Seat& seat, Scratch* scratch, double now) {
  if (seat.closed) return 0;
  Step step{seat, store_route_, scratch, 0, {}};
  bool together = false;
  for (Record& record : scratch->records) {
    if (record.IsStore() && step.route < 0) {
      Reply& reply = scratch->replies.emplace_back();
      reply.handle = record.handle;
      reply.tag = record.tag;
      store_.Perform(record, now, &reply);
    } else {
      together = true;
      if (record.IsMessage()) record.message = MessageOf(record, seat.number);
    }
  }
  if (together) {
    const Guard guard(lock_);
    topics_.SetTime(now);
    if (!seat.closed) PerformAll(&step);
  } else if (seat.replies.Push(scratch->replies.data(), scratch->replies.size())) {
    Notify(&step, &seat);
  }
  step.wakes.Ring();
  scratch->replies.clear();
  scratch->records.clear();
  return step.result;
}

void State::PerformAll(Step* step) {
  Reply* reply = step->scratch->replies.data();
  for (const Record& record : step->scratch->records) {
    if (!record.IsStore() || step->route >= 0) {
      Perform(step, record);
    } else if (step->seat.replies.Push(reply++, 1)) {
      Notify(step, &step->seat);
    }
  }
}

void State::Perform(Step* step, const Record& record) {
  switch (record.op) {
    case kOpJoin:
      return Join(step, record);
    case kOpLeave:
      return topics_.Leave(step->seat.number, record);
    case kOpPublish:
      return Publish(step, record);
    case kOpDirect:
      return Direct(step, record);
    case kOpGap:
      return Gap(step);
    default:
      return Route(step, record);
  }
}

void State::Notify(Step* step, Seat* seat) {
  if (seat == &step->seat) {
    step->result |= kCommittedOwn;
    seat->signalled = true;
  } else if (!seat->signalled.exchange(true)) {
    step->wakes.Add(seat->wake);
  }
}

void State::Join(Step* step, const Record& record) {
  Seat& seat = step->seat;
  bool kept = false;
  const uint64_t number = topics_.Join(seat.number, record, &kept);
  if (!kept) return;
  const Waits kind = record.Is(kFlagPattern) ? Waits::kKeptPattern : Waits::kKept;
  if (!seat.messages.Push({kind, record.handle, number, Message::Make(record.first, {})})) {
    ++left_out_;
    seat.messages.PushGapFor(record.handle);
  }
  Notify(step, &seat);
}

void State::Publish(Step* step, const Record& record) {
  const Ref<Message>& message = record.message;
  const uint64_t number = topics_.NextNumber();
  ++published_;
  if (record.Is(kFlagRetain)) topics_.Keep(message, number, record.ttl);
  Group* const exact = topics_.Exact(*message.get());
  for (const std::shared_ptr<Seat>& one : seats_) {
    if (!one) continue;
    const bool joined = exact != nullptr && exact->At(one->number) != nullptr;
    if (!joined && !topics_.HasPatterns(one->number)) continue;
    if (!one->messages.Push({Waits::kMessage, 0, number, message})) {
      ++left_out_;
      one->messages.PushGap(*message.get(), number);
    }
    Notify(step, one.get());
  }
  Seat* const route = record.Is(kFlagInbound) ? nullptr : Opened(publish_route_);
  if (route == nullptr) return;
  if (!route->records.PushIfFits(record, step->seat.number)) ++left_out_;
  Notify(step, route);
}

void State::Direct(Step* step, const Record& record) {
  Seat* const to = Opened(record.seat);
  if (to != nullptr && to->messages.Push({Waits::kDirect, record.handle, 0, record.message})) {
    return Notify(step, to);
  }
  if (to != nullptr) ++left_out_;
  step->result |= kCommittedRefused;
}

void State::Gap(Step* step) {
  for (const std::shared_ptr<Seat>& one : seats_) {
    if (!one || !topics_.HasMembers(one->number)) continue;
    one->messages.PushGapForAll();
    Notify(step, one.get());
  }
}

// A store record that somebody else performs.
void State::Route(Step* step, const Record& record) {
  Seat& seat = step->seat;
  Seat* const route = Opened(step->route);
  if (route != nullptr) {
    if (record.handle != 0) seat.replies.Expect(record.handle);
    route->records.Push(record, seat.number);
    return Notify(step, route);
  }
  Reply reply;
  reply.handle = record.handle;
  reply.tag = record.tag;
  reply.status = kStatusUnavailable;
  if (seat.replies.Push(&reply, 1)) Notify(step, &seat);
}

}  // namespace wasmpoll
