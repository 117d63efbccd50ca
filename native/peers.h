// Peers: a table of addresses as JavaScript holds it, and the call by which any thread counts in it.
#pragma once

#include <napi.h>

namespace wasmpoll {

class Peers : public Napi::ObjectWrap<Peers> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (rows, most, perSecond); see PeerTable.
  explicit Peers(const Napi::CallbackInfo& info);
  ~Peers() override;

 private:
  Napi::Value Id(const Napi::CallbackInfo& info);
  Napi::Value Known(const Napi::CallbackInfo& info);

  int id_ = 0;
};

}  // namespace wasmpoll
