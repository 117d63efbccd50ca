// The life of a uv_prepare_t and a uv_idle_t: opened by the constructor, closed by close() or by the
// environment's end, freed when uv_close has called back for both.
#include "backend.h"

#include <memory>

#include <uv.h>

#include "arguments.h"
#include "error.h"
#include "method.h"

namespace wasmpoll {

// While the idle handle runs, libuv polls its own descriptors without waiting.
struct Backend::Handle {
  uv_prepare_t prepare{};
  uv_idle_t idle{};
  int open = 2;
  napi_env env = nullptr;
  Backend* owner = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  Napi::ObjectReference object;
  Napi::FunctionReference callback;

  // Null with an exception pending.
  static Handle* Open(const Napi::CallbackInfo& info, Backend* owner, Napi::Function callback);
  void Close();
  int Timeout();

  static void OnIdle(uv_idle_t*) {}
  static void OnPrepare(uv_prepare_t* prepare);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data);
  static void OnClosed(uv_handle_t* handle);
};

Backend::Handle* Backend::Handle::Open(const Napi::CallbackInfo& info, Backend* owner,
                                       Napi::Function callback) {
  const Napi::Env env = info.Env();
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  // From here on the memory is libuv's, and only OnClosed gives it back.
  Handle* const open = std::make_unique<Handle>().release();
  open->env = env;
  open->owner = owner;
  uv_prepare_init(loop, &open->prepare);
  uv_idle_init(loop, &open->idle);
  open->prepare.data = open->idle.data = open;
  open->object = Napi::Persistent(info.This().As<Napi::Object>());
  open->callback = Napi::Persistent(callback);
  const Napi::String name = Napi::String::New(env, "wasmpoll.Backend");
  if (env.IsExceptionPending() ||
      napi_async_init(env, nullptr, name, &open->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnEnvironmentEnd, open, &open->hook) != napi_ok) {
    open->Close();
    if (!env.IsExceptionPending()) ThrowSystem(env, "watch", -ECANCELED, {});
    return nullptr;
  }
  uv_prepare_start(&open->prepare, OnPrepare);
  uv_idle_start(&open->idle, OnIdle);
  uv_unref(reinterpret_cast<uv_handle_t*>(&open->idle));
  return open;
}

void Backend::Handle::Close() {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&prepare);
  if (uv_is_closing(handle)) return;
  owner->handle_ = nullptr;
  object.Reset();
  callback.Reset();
  uv_close(handle, OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle), OnClosed);
}

// libuv's own answer, as if the idle handle were not there.
int Backend::Handle::Timeout() {
  uv_idle_stop(&idle);
  uv_update_time(prepare.loop);
  const int timeoutMs = uv_backend_timeout(prepare.loop);
  uv_idle_start(&idle, OnIdle);
  return timeoutMs;
}

void Backend::Handle::OnPrepare(uv_prepare_t* prepare) {
  auto* const self = static_cast<Handle*>(prepare->data);
  const Napi::Env env(self->env);
  const Napi::HandleScope scope(env);
  const napi_value receiver = self->object.Value();
  const napi_value callback = self->callback.Value();
  // The callback may close the backend; `self` is not freed before the loop's next round.
  CallBack(env, self->context, receiver, callback);
}

void Backend::Handle::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  static_cast<Handle*>(data)->Close();
}

void Backend::Handle::OnClosed(uv_handle_t* handle) {
  auto* const closed = static_cast<Handle*>(handle->data);
  if (--closed->open > 0) return;
  const std::unique_ptr<Handle> self(closed);
  if (self->context != nullptr) napi_async_destroy(self->env, self->context);
  // Last, since the environment may end when its last hook is gone.
  if (self->hook != nullptr) napi_remove_async_cleanup_hook(self->hook);
}

void Backend::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("Backend",
              DefineClass(env, "Backend", {InstanceMethod<&Backend::Close>("close")}));
}

Backend::Backend(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Backend>(info) {
  Arguments arguments(info, "Backend");
  const Napi::Function callback = arguments.Callback(0, "callback");
  if (arguments.Failed()) return;
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(info.Env(), &loop);
  const Napi::Object object = info.This().As<Napi::Object>();
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      "fd", Integer(info.Env(), uv_backend_fd(loop)), napi_enumerable));
  DefineMethod(object, "timeout", Timeout, this);
  handle_ = Handle::Open(info, this, callback);
}

napi_value Backend::Timeout(napi_env env, napi_callback_info info) {
  void* self = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &self);
  Handle* const handle = static_cast<Backend*>(self)->handle_;
  // Closed: nobody is to wait in libuv's place.
  return Integer(env, handle == nullptr ? 0 : handle->Timeout());
}

void Backend::Close(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace wasmpoll
