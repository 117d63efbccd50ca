// A uv_prepare_t, which libuv calls when it would wait, and a uv_idle_t, with which it does not.
#include "backend.h"

#include "arguments.h"
#include "method.h"

namespace wasmpoll {

class Backend::Handle : public LoopCallback {
 public:
  // Leaves an exception pending, or puts a handle in `place`.
  static void TakeOver(const Napi::CallbackInfo& info, LoopCallback** place,
                       Napi::Function callback);
  // libuv's own answer, as if the idle handle were not there.
  int Timeout();

 private:
  using LoopCallback::LoopCallback;
  void CloseHandles() override;
  static void OnIdle(uv_idle_t*) {}
  static void OnPrepare(uv_prepare_t* prepare);

  uv_prepare_t prepare_{};
  // While it runs, libuv polls its own descriptors without waiting.
  uv_idle_t idle_{};
};

void Backend::Handle::TakeOver(const Napi::CallbackInfo& info, LoopCallback** place,
                               Napi::Function callback) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(info.Env(), &loop);
  auto* const handle = new Handle(place);
  uv_prepare_init(loop, &handle->prepare_);
  uv_idle_init(loop, &handle->idle_);
  handle->prepare_.data = handle;
  if (!handle->Open(info, "wasmpoll.Backend", callback)) return;
  uv_prepare_start(&handle->prepare_, OnPrepare);
  uv_idle_start(&handle->idle_, OnIdle);
  uv_unref(reinterpret_cast<uv_handle_t*>(&handle->idle_));
}

int Backend::Handle::Timeout() {
  uv_idle_stop(&idle_);
  uv_update_time(prepare_.loop);
  const int timeoutMs = uv_backend_timeout(prepare_.loop);
  uv_idle_start(&idle_, OnIdle);
  return timeoutMs;
}

void Backend::Handle::CloseHandles() {
  CloseHandle(reinterpret_cast<uv_handle_t*>(&prepare_));
  CloseHandle(reinterpret_cast<uv_handle_t*>(&idle_));
}

void Backend::Handle::OnPrepare(uv_prepare_t* prepare) {
  static_cast<Handle*>(prepare->data)->Call();
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
  Handle::TakeOver(info, &handle_, callback);
}

napi_value Backend::Timeout(napi_env env, napi_callback_info info) {
  void* self = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &self);
  LoopCallback* const handle = static_cast<Backend*>(self)->handle_;
  // Closed: nobody is to wait in libuv's place.
  return Integer(env, handle == nullptr ? 0 : static_cast<Handle*>(handle)->Timeout());
}

void Backend::Close(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace wasmpoll
