// The life that Watcher and Backend share. The memory is libuv's from Open on; only OnClosed frees it.
#include "loop_callback.h"

#include "error.h"

namespace wasmpoll {

bool LoopCallback::Open(const Napi::CallbackInfo& info, const char* name,
                        Napi::Function callback) {
  const Napi::Env env = info.Env();
  env_ = env;
  object_ = Napi::Persistent(info.This().As<Napi::Object>());
  callback_ = Napi::Persistent(callback);
  const Napi::String resource = Napi::String::New(env, name);
  if (env.IsExceptionPending() || napi_async_init(env, nullptr, resource, &context_) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnEnvironmentEnd, this, &hook_) != napi_ok) {
    Close();
    if (!env.IsExceptionPending()) ThrowSystem(env, "watch", -ECANCELED, {});
    return false;
  }
  *place_ = this;
  return true;
}

void LoopCallback::Close() {
  if (closed_) return;
  closed_ = true;
  *place_ = nullptr;
  object_.Reset();
  callback_.Reset();
  CloseHandles();
}

void LoopCallback::CloseHandle(uv_handle_t* handle) {
  handle->data = this;
  ++closing_;
  uv_close(handle, OnClosed);
}

void LoopCallback::Call() {
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  const napi_value receiver = object_.Value();
  const napi_value callback = callback_.Value();
  CallBack(env, context_, receiver, callback);
}

void LoopCallback::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  static_cast<LoopCallback*>(data)->Close();
}

void LoopCallback::OnClosed(uv_handle_t* handle) {
  auto* const self = static_cast<LoopCallback*>(handle->data);
  if (--self->closing_ > 0) return;
  const napi_async_cleanup_hook_handle hook = self->hook_;
  if (self->context_ != nullptr) napi_async_destroy(self->env_, self->context_);
  delete self;
  // Last, since the environment may end when its last hook is gone.
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

}  // namespace wasmpoll
