// Shared state as a JavaScript object, and the table by which other threads of the process find it. Knows
// arguments and lifetimes; what happens is in state.cc.
#pragma once

#include <memory>

#include <napi.h>

#include "state.h"

namespace wasmpoll {

class Shared : public Napi::ObjectWrap<Shared> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (limits)
  explicit Shared(const Napi::CallbackInfo& info);
  ~Shared() override;

 private:
  void Open(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value GetSeat(const Napi::CallbackInfo& info);
  void RouteStore(const Napi::CallbackInfo& info);
  void RoutePublishes(const Napi::CallbackInfo& info);
  void Reply(const Napi::CallbackInfo& info);
  void Count(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo& info);

  int id_ = 0;
  std::shared_ptr<State> state_;
};

}  // namespace wasmpoll
