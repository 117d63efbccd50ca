// The table is gone when its object is collected: whoever has a server keeps it.
#include "peers.h"

#include <climits>

#include "arguments.h"
#include "peer_tables.h"

namespace wasmpoll {
namespace {

constexpr int kMostRows = 1 << 22;
constexpr size_t kAddress = 16;
constexpr double kMostMs = 9007199254740991;

Napi::Value Enter(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "enterPeer");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  const int fd = arguments.Fd(1);
  size_t size = 0;
  const auto* address =
      static_cast<const uint8_t*>(arguments.View(2, "address", napi_uint8_array, &size));
  const double now = arguments.Number(3, "now", 0, kMostMs);
  if (!arguments.Failed() && size < kAddress) {
    arguments.OutOfRange("address must have " + std::to_string(kAddress) + " bytes");
  }
  if (arguments.Failed()) return {};
  return Integer(info.Env(), static_cast<int>(EnterPeer(id, fd, address, now)));
}

}  // namespace

void Peers::Register(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(
      env, "Peers",
      {InstanceAccessor<&Peers::Id>("id"), InstanceAccessor<&Peers::Known>("known")});
  exports.Set("Peers", constructor);
  exports.Set("enterPeer", Napi::Function::New<Enter>(env, "enterPeer"));
}

Peers::Peers(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Peers>(info) {
  Arguments arguments(info, "Peers");
  const int rows = arguments.Int(0, "rows", 1, kMostRows);
  const int most = arguments.Int(1, "most", 0, INT_MAX);
  const int per_second = arguments.Int(2, "perSecond", 0, INT_MAX);
  if (!arguments.Failed()) id_ = OpenPeers(rows, most, per_second);
}

Peers::~Peers() { ClosePeers(id_); }

Napi::Value Peers::Id(const Napi::CallbackInfo& info) { return Integer(info.Env(), id_); }

Napi::Value Peers::Known(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), KnownPeers(id_));
}

}  // namespace wasmpoll
