// Wakes JavaScript while an epoll descriptor is readable, through the environment's own loop. Knows
// one uv_poll_t; must not know what the events are.
#pragma once

#include <napi.h>

#include "loop_callback.h"

namespace wasmpoll {

// An open Watcher keeps itself and its callback alive, like Node's own handles: it is collected
// only after close() or with its environment.
class Watcher : public Napi::ObjectWrap<Watcher> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (fd, callback). Watches a duplicate of fd: if the caller closed the number while libuv still
  // had it, libuv would abort the process. So a set lives until its watchers are closed as well.
  explicit Watcher(const Napi::CallbackInfo& info);

 private:
  class Handle;

  Handle* GetHandle() const;
  void Ref(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Null once closing has begun.
  LoopCallback* handle_ = nullptr;
};

}  // namespace wasmpoll
