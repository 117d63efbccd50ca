// TLS as JavaScript has it: the server's contexts (Tls), and a seat's sessions (TlsSeat). Knows arguments and
// lifetimes; what happens is in tls_state.cc and tls_session.cc.
#pragma once

#include <memory>

#include <napi.h>

#include "tls_state.h"

namespace wasmpoll {

class Tls : public Napi::ObjectWrap<Tls> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (ticketLifetimeMs)
  explicit Tls(const Napi::CallbackInfo& info);
  ~Tls() override;

 private:
  Napi::Value Prepare(const Napi::CallbackInfo& info);
  void Commit(const Napi::CallbackInfo& info);
  void Discard(const Napi::CallbackInfo& info);
  void Count(const Napi::CallbackInfo& info);
  Napi::Value PrepareUpstream(const Napi::CallbackInfo& info);
  Napi::Value Dial(const Napi::CallbackInfo& info);
  Napi::Value Step(const Napi::CallbackInfo& info);
  Napi::Value Why(const Napi::CallbackInfo& info);
  Napi::Value Cause(const Napi::CallbackInfo& info);
  void Drop(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo& info);

  int id_ = 0;
  std::shared_ptr<TlsState> state_;
};

class TlsSeat : public Napi::ObjectWrap<TlsSeat> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (id, seat)
  explicit TlsSeat(const Napi::CallbackInfo& info);

 private:
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Dial(const Napi::CallbackInfo& info);
  Napi::Value Adopt(const Napi::CallbackInfo& info);
  void Drop(const Napi::CallbackInfo& info);
  void Feed(const Napi::CallbackInfo& info);
  Napi::Value Has(const Napi::CallbackInfo& info);
  Napi::Value Fact(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value ProcessorMs(const Napi::CallbackInfo& info);

  std::shared_ptr<TlsState> state_;
  std::shared_ptr<TlsSessions> sessions_;
};

// The arguments (id, seat) from `index` on; null with an exception pending.
std::shared_ptr<TlsState> FindTls(class Arguments* arguments, size_t index, int* seat);

}  // namespace wasmpoll
