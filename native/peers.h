// Peers: the tables of addresses, one for each server that limits them, and which descriptor counts in which
// row. Whoever closes a descriptor, in any thread, takes it out of its row.
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

// To be called before a close: afterwards the number may be somebody else's.
void LeavePeers(int fd);

}  // namespace wasmpoll
