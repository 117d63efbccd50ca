// What a seat is given next. One call does a bounded share under the lock, whatever clients have joined.
#include <algorithm>

#include "state.h"

namespace wasmpoll {

using Guard = std::lock_guard<std::mutex>;

int State::Take(Seat& seat, const Target& target, double now) {
  const Guard taking(seat.taking);
  seat.present.Clear(target.block);
  if (seat.closed) return 0;
  for (;;) {
    for (int look = 0; look < 3; ++look) {
      const int turn = (seat.turn + look) % 3;
      const int found = turn == 0   ? TakeReplies(seat, target)
                        : turn == 1 ? TakeMessages(seat, target, now)
                                    : TakeRecords(seat, target);
      if (found == 0) continue;
      if (found != kTakeTooLong) seat.turn = (turn + 1) % 3;
      return found;
    }
    seat.signalled = false;
    if (IsIdle(seat)) return 0;
    seat.signalled = true;
  }
}

// Whoever puts something in behind this look finds `signalled` false, because of the locks, and rings.
bool State::IsIdle(Seat& seat) {
  if (!seat.replies.IsEmpty()) return false;
  const Guard guard(lock_);
  return seat.messages.empty() && seat.records.empty();
}

int State::TakeReplies(Seat& seat, const Target& target) {
  if (seat.replies.SeemsEmpty()) return 0;
  Present& present = seat.present;
  bool more = false;
  const size_t bytes = seat.replies.Take(&present.replies, target.block + kBlockEntries,
                                         target.length, &more);
  if (more) return kTakeMore;
  if (present.replies.empty()) return 0;
  present.SetReplies(bytes, target);
  return static_cast<int>(present.replies.size());
}

int State::TakeRecords(Seat& seat, const Target& target) {
  if (seat.records.SeemsEmpty()) return 0;
  std::vector<Ref<Message>>& records = seat.present.records;
  size_t used = 0;
  {
    const Guard guard(lock_);
    while (!seat.records.empty() && records.size() < kEntries) {
      const size_t length = seat.records.front().length();
      if (used + length > target.length) break;
      used += length;
      records.push_back(seat.records.Pop());
    }
    if (records.empty()) return seat.records.empty() ? 0 : kTakeTooLong;
  }
  seat.present.SetRecords(used, target);
  return static_cast<int>(records.size());
}

int State::TakeMessages(Seat& seat, const Target& target, double now) {
  if (seat.messages.SeemsEmpty()) return 0;
  Recipients recipients{.entries = target.block + kBlockEntries, .budget = kTakeSteps};
  Found found;
  {
    const Guard guard(lock_);
    topics_.SetTime(now);
    if (topics_.HasShares()) recipients.settled = Settled();
    for (; recipients.count == 0; found = {}) {
      if (seat.messages.empty()) return 0;
      if (recipients.budget <= 0) return kTakeMore;
      Item& item = seat.messages.front();
      if (seat.messages.Fresh()) {
        seat.cursor = {};
        seat.told = INT64_MIN;
      }
      bool stays = false;
      Find(seat, item, &recipients, &found, &stays);
      --recipients.budget;
      if (recipients.count > 0) seat.messages.Start();
      for (const int32_t handle : recipients.forgotten) seat.messages.PushGapFor(handle);
      recipients.forgotten.clear();
      // What is kept may be much: whoever has joined for it takes turns with all that waits.
      const bool walks = item.kind == Waits::kKept || item.kind == Waits::kKeptPattern;
      if (!stays) {
        seat.messages.Pop();
      } else if (walks) {
        seat.messages.Rotate();
      }
      if (recipients.count > 0) break;
    }
  }
  // Poisoned while it was looked for, or too long: those who were found are told.
  if (found.message && (found.message->poisoned || found.message->length() > target.length)) {
    found.kind = kBlockMissed;
    found.flags = 0;
  }
  (found.kind == kBlockMissed ? missed_ : delivered_) += recipients.count;
  seat.present.Set(found, recipients.count, target);
  return recipients.count;
}

uint64_t State::Settled() const {
  uint64_t least = UINT64_MAX;
  for (const std::shared_ptr<Seat>& seat : seats_) {
    if (seat) least = std::min(least, seat->messages.Settled());
  }
  return least;
}

void State::Find(Seat& seat, Item& item, Recipients* recipients, Found* found, bool* stays) {
  found->kind = kBlockMissed;
  recipients->before = item.number;
  switch (item.kind) {
    case Waits::kMessage:
      recipients->message = item.message.get();
      [[fallthrough]];
    case Waits::kGap: {
      const bool done = topics_.Collect(*item.message.get(), seat.number, &seat.cursor, recipients);
      recipients->message = nullptr;
      *stays = !done || recipients->Full();
      break;
    }
    case Waits::kDirect:
      recipients->Add(item.handle, 0);
      found->flags = kDeliveredDirect;
      break;
    case Waits::kKept:
    case Waits::kKeptPattern: {
      bool more = false;
      Ref<Message> kept = topics_.NextKept(
          seat.number, item.handle, item.message->topic(), item.kind == Waits::kKeptPattern,
          item.number, &item.after, recipients, &more);
      *stays = kept || more;
      found->kind = kBlockMessage;
      found->flags = kDeliveredRetained;
      found->message = std::move(kept);
      return;
    }
    case Waits::kGapForOne:
      if (topics_.IsMember(seat.number, item.handle)) recipients->Add(item.handle, 0);
      break;
    case Waits::kGapForAll:
      *stays = !topics_.CollectAll(seat.number, &seat.told, recipients) || recipients->Full();
      break;
  }
  if (item.kind != Waits::kMessage && item.kind != Waits::kDirect) return;
  found->kind = kBlockMessage;
  found->message = item.message;
}

size_t State::Again(Seat& seat, char* bytes, size_t room) {
  const Guard taking(seat.taking);
  const size_t length = seat.present.length();
  if (length > 0 && length <= room) seat.present.Write(bytes);
  return length;
}

void State::Poison(Seat& seat, int32_t* block) {
  const Guard taking(seat.taking);
  if (seat.present.Poison(block)) ++poisoned_;
}

}  // namespace wasmpoll
