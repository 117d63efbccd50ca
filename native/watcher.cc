// The life of one uv_poll_t: opened by the constructor, closed by close() or by the environment's
// end, freed in uv_close's callback and nowhere else.
#include "watcher.h"

#include <memory>
#include <new>

#include <fcntl.h>
#include <sys/epoll.h>
#include <uv.h>

#include "arguments.h"
#include "error.h"
#include "syscall.h"

namespace wasmpoll {

namespace {

// libuv would do this at the loop's next round, and aborts the process if it fails there: epoll
// sets that are nested in each other meanwhile, too deep or in a circle, would make it fail. Done
// now, it is that nesting which fails; libuv takes what it finds (EEXIST) for its own.
int EnterLoop(uv_loop_t* loop, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return Retry([&] { return epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, fd, &event); });
}

}  // namespace

struct Watcher::Handle {
  uv_poll_t poll{};
  napi_env env = nullptr;
  Watcher* owner = nullptr;
  Descriptor fd;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  Napi::ObjectReference object;
  Napi::FunctionReference callback;

  // Null with an exception pending.
  static Handle* Open(const Napi::CallbackInfo& info, Watcher* owner, int fd,
                      Napi::Function callback);
  void Close();

  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data);
  static void OnClosed(uv_handle_t* handle);
};

Watcher::Handle* Watcher::Handle::Open(const Napi::CallbackInfo& info, Watcher* owner, int fd,
                                       Napi::Function callback) {
  const Napi::Env env = info.Env();
  auto handle = std::make_unique<Handle>();
  handle->env = env;
  handle->fd = Descriptor(Retry([&] { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
  if (handle->fd.get() < 0) {
    ThrowSystem(env, "fcntl", handle->fd.get(), {});
    return nullptr;
  }
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  const int error = uv_poll_init(loop, &handle->poll, handle->fd.get());
  if (error < 0) {
    ThrowSystem(env, "epoll_ctl", error, {});
    return nullptr;
  }
  handle->poll.data = handle.get();
  // From here on the memory is libuv's, and only OnClosed gives it back.
  Handle* const open = handle.release();
  open->owner = owner;
  open->object = Napi::Persistent(info.This().As<Napi::Object>());
  open->callback = Napi::Persistent(callback);
  const Napi::String name = Napi::String::New(env, "wasmpoll.Watcher");
  if (env.IsExceptionPending() ||
      napi_async_init(env, nullptr, name, &open->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnEnvironmentEnd, open, &open->hook) != napi_ok) {
    open->Close();
    if (!env.IsExceptionPending()) ThrowSystem(env, "watch", -ECANCELED, {});
    return nullptr;
  }
  uv_poll_start(&open->poll, UV_READABLE, OnReadable);
  const int entered = EnterLoop(loop, open->fd.get());
  if (entered < 0) {
    open->Close();
    ThrowSystem(env, "epoll_ctl", entered, {});
    return nullptr;
  }
  return open;
}

void Watcher::Handle::Close() {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&poll);
  if (uv_is_closing(handle)) return;
  owner->handle_ = nullptr;
  object.Reset();
  callback.Reset();
  uv_close(handle, OnClosed);
  // libuv has let go of the number by now, and the caller may want what it stands for gone at once.
  fd.Reset();
}

void Watcher::Handle::OnReadable(uv_poll_t* poll, int, int) {
  auto* const self = static_cast<Handle*>(poll->data);
  const Napi::Env env(self->env);
  const Napi::HandleScope scope(env);
  const napi_value receiver = self->object.Value();
  const napi_value callback = self->callback.Value();
  // The callback may close the watcher; `self` is not freed before the loop's next round.
  CallBack(env, self->context, receiver, callback);
}

void Watcher::Handle::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  static_cast<Handle*>(data)->Close();
}

void Watcher::Handle::OnClosed(uv_handle_t* handle) {
  const std::unique_ptr<Handle> self(static_cast<Handle*>(handle->data));
  if (self->context != nullptr) napi_async_destroy(self->env, self->context);
  // Last, since the environment may end when its last hook is gone.
  if (self->hook != nullptr) napi_remove_async_cleanup_hook(self->hook);
}

void Watcher::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("Watcher", DefineClass(env, "Watcher",
                                     {
                                         InstanceMethod<&Watcher::Ref>("ref"),
                                         InstanceMethod<&Watcher::Unref>("unref"),
                                         InstanceMethod<&Watcher::Close>("close"),
                                     }));
}

Watcher::Watcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Watcher>(info) {
  Arguments arguments(info, "Watcher");
  const int fd = arguments.Fd(0);
  const Napi::Function callback = arguments.Callback(1, "callback");
  if (!arguments.Failed()) handle_ = Handle::Open(info, this, fd, callback);
}

void Watcher::Ref(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Watcher::Unref(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Watcher::Close(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace wasmpoll
