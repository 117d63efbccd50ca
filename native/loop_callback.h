// A JavaScript function that libuv calls, and how it lives: opened by a constructor, closed by close()
// or by the environment's end, freed once libuv has let go of its handles and not before. Knows what
// all such objects share; must not know what their handles wait for.
#pragma once

#include <napi.h>
#include <uv.h>

namespace wasmpoll {

// While it is open it keeps its object and its function alive, as Node's own handles do.
class LoopCallback {
 public:
  // Idempotent. The object's pointer is null from here on, and nothing is called any more.
  void Close();

 protected:
  // `place` is where the object keeps its pointer to this; it must outlive this until Close().
  explicit LoopCallback(LoopCallback** place) : place_(place) {}
  virtual ~LoopCallback() = default;
  LoopCallback(const LoopCallback&) = delete;
  LoopCallback& operator=(const LoopCallback&) = delete;

  // To be called once libuv has the handles: from here on this deletes itself. False with an exception
  // pending and all closed, or true with the pointer in its place.
  bool Open(const Napi::CallbackInfo& info, const char* name, Napi::Function callback);
  // Gives each handle to CloseHandle.
  virtual void CloseHandles() = 0;
  void CloseHandle(uv_handle_t* handle);
  // Calls the function, which may close this. It is not freed before the loop's next round.
  void Call();

 private:
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data);
  static void OnClosed(uv_handle_t* handle);

  LoopCallback** place_;
  bool closed_ = false;
  // Handles that libuv has not let go of since CloseHandle.
  int closing_ = 0;
  napi_env env_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Napi::ObjectReference object_;
  Napi::FunctionReference callback_;
};

}  // namespace wasmpoll
