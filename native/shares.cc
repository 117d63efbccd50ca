// Whose turn it is, and what is remembered of it: each call takes steps by the logarithm of what there is.
#include "shares.h"

#include <algorithm>

namespace wasmpoll {

std::vector<Share::Choice>::iterator Share::PlaceOf(uint64_t message) {
  const auto from = choices_.begin() + static_cast<ptrdiff_t>(first_);
  // Most ask for the latest message, or for one that comes after it.
  if (from == choices_.end() || choices_.back().message < message) return choices_.end();
  return std::lower_bound(from, choices_.end(), message, [](const Choice& one, uint64_t wanted) {
    return one.message < wanted;
  });
}

Share::For Share::Ask(uint64_t member, uint64_t message, uint64_t settled) {
  auto place = PlaceOf(message);
  if (place == choices_.end() || place->message != message) {
    if (message <= forgotten_) return For::kForgotten;
    all_->Enter(this, settled);
    place = choices_.insert(PlaceOf(message), {message, Next(message)});
  }
  return place->member == member ? For::kThis : For::kAnother;
}

// Whoever asks has joined before, so there is one.
uint64_t Share::Next(uint64_t before) {
  auto next = members_.upper_bound(last_);
  if (next == members_.end() || *next >= before) next = members_.begin();
  last_ = *next;
  return last_;
}

void Share::Settle(uint64_t settled) {
  const size_t before = first_;
  first_ = static_cast<size_t>(PlaceOf(settled + 1) - choices_.begin());
  all_->Drop(this, first_ - before);
  if (first_ * 2 < choices_.size()) return;
  choices_.erase(choices_.begin(), choices_.begin() + static_cast<ptrdiff_t>(first_));
  first_ = 0;
  if (choices_.size() < choices_.capacity() / 4) choices_.shrink_to_fit();
}

void Share::Forget() {
  if (first_ < choices_.size()) forgotten_ = std::max(forgotten_, choices_.back().message);
  const size_t known = choices_.size() - first_;
  choices_ = {};
  first_ = 0;
  all_->Drop(this, known);
}

uint64_t Shares::HashOf(const Group* group, std::string_view name) const {
  return Hash(key_, name) ^ Mix(reinterpret_cast<uintptr_t>(group));
}

Share* Shares::Find(const Group* group, std::string_view name) const {
  return table_.Find(HashOf(group, name), [&](const Share& share) {
    return share.group == group && share.name == name;
  });
}

Share* Shares::Add(const Group* group, std::string_view name) {
  Share* share = Find(group, name);
  if (share != nullptr) return share;
  share = new Share(this, group, name);
  share->hash = HashOf(group, name);
  table_.Insert(share);
  return share;
}

void Shares::Remove(Share* share) {
  share->Forget();
  table_.Remove(share);
  delete share;
}

void Shares::Enter(Share* share, uint64_t settled) {
  share->Settle(settled);
  // Who was not asked for the longest time may have what is settled by now.
  if (choices_ >= kChoices) oldest_->Settle(settled);
  if (choices_ >= kChoices) oldest_->Forget();
  if (share->newer_ != nullptr || newest_ == share) Unlink(share);
  share->older_ = newest_;
  (newest_ == nullptr ? oldest_ : newest_->newer_) = share;
  newest_ = share;
  ++choices_;
}

void Shares::Drop(Share* share, size_t choices) {
  choices_ -= choices;
  if (choices > 0 && share->first_ == share->choices_.size()) Unlink(share);
}

void Shares::Unlink(Share* share) {
  (share->older_ == nullptr ? oldest_ : share->older_->newer_) = share->newer_;
  (share->newer_ == nullptr ? newest_ : share->newer_->older_) = share->older_;
  share->older_ = share->newer_ = nullptr;
}

void Shares::Clear() {
  table_.Clear([](Share* share) { delete share; });
  choices_ = 0;
  oldest_ = newest_ = nullptr;
}

}  // namespace wasmpoll
