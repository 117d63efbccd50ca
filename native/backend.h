// The waiting of this thread's event loop, taken over: somebody else's epoll_wait stands in for
// libuv's, on a set that has the loop's own descriptor in it. Knows libuv's contract for those who
// embed a loop (uv_backend_fd, uv_backend_timeout); must not know what else is waited for.
#pragma once

#include <napi.h>

#include "loop_callback.h"

namespace wasmpoll {

// An open Backend keeps itself and its callback alive, as a Watcher does.
class Backend : public Napi::ObjectWrap<Backend> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (callback), which is called once each round of the loop, when libuv would wait.
  explicit Backend(const Napi::CallbackInfo& info);

 private:
  class Handle;

  static napi_value Timeout(napi_env env, napi_callback_info info);
  void Close(const Napi::CallbackInfo& info);

  // Null once closing has begun.
  LoopCallback* handle_ = nullptr;
};

}  // namespace wasmpoll
