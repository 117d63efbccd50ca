// Joining and leaving, with an account of what each is charged.
#include "topics.h"

#include <algorithm>

namespace wasmpoll {
Topics::Topics(double bytes, int joins) : limit_(bytes), most_joins_(joins) {}

uint32_t Topics::ChargeOf(std::string_view text, bool pattern) {
  size_t charge = kChargeTopic + text.size();
  if (pattern) charge += kChargeLevel * (1 + std::count(text.begin(), text.end(), '/'));
  return static_cast<uint32_t>(charge);
}

uint32_t Topics::ChargeOfShare(std::string_view name) {
  return static_cast<uint32_t>(kChargeTopic + name.size());
}

uint32_t Topics::ChargeOf(const Record& join, const Group* group, const Share* share) const {
  const std::string_view name = join.share();
  uint32_t charge = ChargeOfMember(!name.empty());
  if (!name.empty() && share == nullptr) charge += ChargeOfShare(name);
  const bool first = group == nullptr || group->empty();
  return charge + (first ? ChargeOf(join.joined(), join.Is(kFlagPattern)) : 0);
}

uint32_t Topics::ChargeAlone(const Membership& membership) {
  const Share* const share = membership.share;
  const uint32_t charge = ChargeOfMember(share != nullptr) + membership.group->charge;
  return charge + (share == nullptr ? 0 : ChargeOfShare(share->name));
}

bool Topics::Fits(const Record& record, int seat, int joins) {
  if (FitsNow(record, seat, joins)) return true;
  // Perhaps there is room once what is over is removed.
  Sweep(kSweptForRoom);
  return FitsNow(record, seat, joins);
}

bool Topics::FitsNow(const Record& record, int seat, int joins) {
  if (record.op == kOpJoin) return FitsJoin(record, seat, joins);
  return record.op != kOpPublish || !record.Is(kFlagRetain) || record.second.empty() || FitsKept(record);
}

bool Topics::FitsJoin(const Record& record, int seat, int joins) {
  Group* const group = FindGroup(record.joined(), record.Is(kFlagPattern));
  const Share* const share = FindShare(group, record.share());
  Connection* const connection = Find(seat, record.handle);
  if (connection != nullptr && group != nullptr) {
    const bool whole = record.share().empty() == (share == nullptr);
    if (whole && Find(connection, group, share) != nullptr) return true;
  }
  const size_t known = connection == nullptr ? 0 : connection->memberships.size();
  if (known + joins >= most_joins_) return false;
  const double own = connection == nullptr ? 0 : static_cast<double>(connection->charge);
  const double wanted = own + ChargeOf(record, group, share);
  return static_cast<double>(bytes_) + wanted <= limit_;
}

Topics::Topic* Topics::Find(uint64_t hash, std::string_view name) const {
  return topics_.Find(hash, [&](const Topic& topic) { return topic.name == name; });
}

Topics::Topic* Topics::FindOrAdd(uint64_t hash, std::string_view name) {
  Topic* topic = Find(hash, name);
  if (topic != nullptr) return topic;
  topic = new Topic;
  topic->hash = hash;
  topic->name = name;
  topic->charge = ChargeOf(name, false);
  topics_.Insert(topic);
  return topic;
}

Group* Topics::FindGroup(std::string_view text, bool pattern) {
  if (pattern) return patterns_.Find(text);
  return Find(HashOf(text), text);
}

Topics::Connection* Topics::Find(int seat, int handle) const {
  return connections_.Find(HashOf(seat, handle), [&](const Connection& connection) {
    return connection.seat == seat && connection.handle == handle;
  });
}

std::vector<Topics::Membership>::iterator Topics::PlaceOf(std::vector<Membership>* all,
                                                          const Group* group,
                                                          const Share* share) {
  return std::lower_bound(all->begin(), all->end(), std::pair(group, share),
                          [](const Membership& one, const auto& wanted) {
                            return std::pair<const Group*, const Share*>(one.group, one.share) < wanted;
                          });
}

Topics::Membership* Topics::Find(Connection* connection, const Group* group, const Share* share) {
  const auto found = PlaceOf(&connection->memberships, group, share);
  if (found == connection->memberships.end()) return nullptr;
  return found->group != group || found->share != share ? nullptr : &*found;
}

Share* Topics::FindShare(const Group* group, std::string_view name) const {
  return name.empty() || group == nullptr ? nullptr : shares_.Find(group, name);
}

Topics::Seat& Topics::At(int seat) {
  if (seats_.size() <= static_cast<size_t>(seat)) seats_.resize(seat + 1);
  return seats_[seat];
}

uint64_t Topics::Join(int seat, const Record& record, bool* kept) {
  Sweep(kSwept);
  const bool pattern = record.Is(kFlagPattern);
  const uint64_t number = NextNumber();
  Group* group;
  if (pattern) {
    group = patterns_.Add(record.joined());
    group->charge = ChargeOf(record.joined(), true);
    *kept = kept_.size() > unkept_ && !record.Is(kFlagQuiet | kFlagShared);
  } else {
    Topic* const topic = FindOrAdd(HashOf(record.first), record.first);
    *kept = topic->kept && !IsOver(*topic) && !record.Is(kFlagQuiet);
    group = topic;
  }
  Share* const share = record.share().empty() ? nullptr : shares_.Add(group, record.share());
  Connection* connection = Find(seat, record.handle);
  if (connection == nullptr) {
    connection = new Connection;
    connection->hash = HashOf(seat, record.handle);
    connection->seat = seat;
    connection->handle = record.handle;
    connections_.Insert(connection);
    At(seat).handles.insert(record.handle);
  } else if (Membership* const known = Find(connection, group, share)) {
    group->At(seat)->Find(known->number)->tag = record.tag;
    // Quietly joined again, what is retained goes on following the join before.
    if (!record.Is(kFlagQuiet)) known->joined = number;
    return number;
  }
  const bool first = share != nullptr && share->empty();
  bytes_ += ChargeOf(record, group, first ? nullptr : share);
  if (group->empty()) ++joined_;
  group->Append(seat, {number, record.handle, record.tag, share});
  if (share != nullptr) share->Append(number);
  if (pattern) ++At(seat).patterns;
  ++members_;
  auto& all = connection->memberships;
  const Membership membership{group, share, number, number};
  all.insert(PlaceOf(&all, group, share), membership);
  connection->charge += ChargeAlone(membership);
  return number;
}

void Topics::Leave(int seat, const Record& record) {
  Connection* const connection = Find(seat, record.handle);
  if (connection == nullptr) return;
  Group* const group = FindGroup(record.joined(), record.Is(kFlagPattern));
  if (group == nullptr) return;
  const Share* const share = FindShare(group, record.share());
  if (share == nullptr && !record.share().empty()) return;
  Membership* const membership = Find(connection, group, share);
  if (membership == nullptr) return;
  connection->charge -= ChargeAlone(*membership);
  RemoveMember(seat, *membership);
  auto& all = connection->memberships;
  all.erase(all.begin() + (membership - all.data()));
  if (all.empty()) return RemoveConnection(connection);
  if (all.size() < all.capacity() / 4) all.shrink_to_fit();
}

void Topics::RemoveMember(int seat, const Membership& membership) {
  Group* const group = membership.group;
  group->Remove(seat, membership.number);
  if (membership.share != nullptr) LeaveShare(membership);
  if (group->pattern) --At(seat).patterns;
  bytes_ -= ChargeOfMember(membership.share != nullptr);
  --members_;
  if (!group->empty()) return;
  bytes_ -= group->charge;
  --joined_;
  if (group->pattern) {
    patterns_.Prune(static_cast<Patterns::Node*>(group));
  } else {
    Prune(static_cast<Topic*>(group));
  }
}

void Topics::LeaveShare(const Membership& membership) {
  Share* const share = membership.share;
  share->Remove(membership.number);
  if (!share->empty()) return;
  bytes_ -= ChargeOfShare(share->name);
  shares_.Remove(share);
}

void Topics::RemoveConnection(Connection* connection) {
  for (const Membership& one : connection->memberships) RemoveMember(connection->seat, one);
  At(connection->seat).handles.erase(connection->handle);
  connections_.Remove(connection);
  delete connection;
}

void Topics::LeaveAll(int seat, int handle) {
  Connection* const connection = Find(seat, handle);
  if (connection != nullptr) RemoveConnection(connection);
}

void Topics::Prune(Topic* topic) {
  if (!topic->empty() || topic->kept) return;
  topics_.Remove(topic);
  delete topic;
}

void Topics::Clear() {
  topics_.Clear([](Topic* topic) { delete topic; });
  patterns_.Clear();
  shares_.Clear();
  connections_.Clear([](Connection* connection) { delete connection; });
  seats_ = {};
  kept_ = {};
  expiry_ = {};
  unkept_ = members_ = joined_ = 0;
  bytes_ = kept_bytes_ = 0;
}

}  // namespace wasmpoll
