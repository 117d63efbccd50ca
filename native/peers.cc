// All tables under one lock, which is held for a few comparisons. What is noted of descriptors needs none.
#include "peers.h"

#include <atomic>
#include <climits>
#include <map>
#include <memory>
#include <mutex>

#include "arguments.h"
#include "peer_table.h"

namespace wasmpoll {
namespace {

// As in ownership.cc; what lies above counts nowhere.
constexpr int kDescriptors = 1 << 20;
constexpr int kMostRows = 1 << 22;
constexpr int kId = 32;

// By number. Never destroyed: threads may still run when the process ends.
struct Tables {
  std::mutex lock;
  std::map<int, PeerTable> tables;
  int last = 0;
};

Tables& All() {
  static Tables& all = *new Tables;
  return all;
}

// The table's number, and below it the row plus 1; 0 for a descriptor that counts nowhere.
std::atomic<uint64_t> rows[kDescriptors];

Napi::Value EnterPeer(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "enterPeer");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  const int fd = arguments.Fd(1);
  size_t size = 0;
  const auto* address =
      static_cast<const uint8_t*>(arguments.View(2, "address", napi_uint8_array, &size));
  const double now = arguments.Number(3, "now", 0, 9007199254740991);
  if (!arguments.Failed() && size < 16) arguments.OutOfRange("address must have 16 bytes");
  if (arguments.Failed()) return {};
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(id);
  uint32_t row = 0;
  if (found == all.tables.end() || fd >= kDescriptors) return Integer(info.Env(), 0);
  const Verdict verdict = found->second.Enter(address, now, &row);
  if (verdict == Verdict::kAdmitted && row != PeerTable::kNone) {
    rows[fd].store(static_cast<uint64_t>(id) << kId | (uint64_t{row} + 1));
  }
  return Integer(info.Env(), static_cast<int>(verdict));
}

}  // namespace

void Peers::Register(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(
      env, "Peers",
      {InstanceAccessor<&Peers::Id>("id"), InstanceAccessor<&Peers::Known>("known")});
  exports.Set("Peers", constructor);
  exports.Set("enterPeer", Napi::Function::New<EnterPeer>(env, "enterPeer"));
}

Peers::Peers(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Peers>(info) {
  Arguments arguments(info, "Peers");
  const int size = arguments.Int(0, "rows", 1, kMostRows);
  const int most = arguments.Int(1, "most", 0, INT_MAX);
  const int per_second = arguments.Int(2, "perSecond", 0, INT_MAX);
  if (arguments.Failed()) return;
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  id_ = ++all.last;
  all.tables.try_emplace(id_, size, most, per_second);
}

Peers::~Peers() {
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.tables.erase(id_);
}

Napi::Value Peers::Id(const Napi::CallbackInfo& info) { return Integer(info.Env(), id_); }

Napi::Value Peers::Known(const Napi::CallbackInfo& info) {
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(id_);
  const uint32_t known = found == all.tables.end() ? 0 : found->second.known();
  return Napi::Number::New(info.Env(), known);
}

void LeavePeers(int fd) {
  if (fd < 0 || fd >= kDescriptors || rows[fd].load(std::memory_order_relaxed) == 0) return;
  const uint64_t noted = rows[fd].exchange(0);
  if (noted == 0) return;
  Tables& all = All();
  const std::lock_guard<std::mutex> guard(all.lock);
  const auto found = all.tables.find(static_cast<int>(noted >> kId));
  if (found != all.tables.end()) found->second.Leave(static_cast<uint32_t>(noted) - 1);
}

}  // namespace wasmpoll
