// epoll(7) as a class: a set of descriptors with tokens. Knows nothing of what the descriptors are,
// and not what the tokens mean.
#pragma once

#include <memory>

#include <napi.h>
#include <sys/epoll.h>

#include "arguments.h"
#include "ownership.h"

namespace wasmpoll {

constexpr int kEvent = 3;
constexpr int kReady = 4;

class Epoll : public Napi::ObjectWrap<Epoll> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // () creates a set; (fd) borrows one, which close() and the garbage collector leave open.
  explicit Epoll(const Napi::CallbackInfo& info);
  ~Epoll() override;

 private:
  static napi_value GetFd(napi_env env, napi_callback_info info);
  Napi::Value Add(const Napi::CallbackInfo& info);
  Napi::Value Modify(const Napi::CallbackInfo& info);
  Napi::Value Remove(const Napi::CallbackInfo& info);
  static napi_value Wait(napi_env env, napi_callback_info info);
  static napi_value WaitReady(napi_env env, napi_callback_info info);
  void Close(const Napi::CallbackInfo& info);

  Napi::Value Control(const Napi::CallbackInfo& info, int operation, const char* function);
  int WaitInto(Arguments* arguments, int columns, uint32_t** out);
  bool Reserve(size_t count);

  int fd_ = -1;
  // 0 for a borrowed one.
  Owner owner_ = 0;
  // TimesOwned at the set's creation.
  uint32_t time_ = 0;
  std::unique_ptr<epoll_event[]> events_;
  size_t capacity_ = 0;
};

}  // namespace wasmpoll
