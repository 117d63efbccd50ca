// One uv_poll_t on a duplicate of the watched descriptor.
#include "watcher.h"

#include <memory>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>

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

class Watcher::Handle : public LoopCallback {
 public:
  // Leaves an exception pending, or puts a handle in `place`.
  static void Watch(const Napi::CallbackInfo& info, LoopCallback** place, int fd,
                    Napi::Function callback);
  uv_handle_t* Uv() { return reinterpret_cast<uv_handle_t*>(&poll_); }

 private:
  friend std::default_delete<Handle>;

  Handle(LoopCallback** place, Descriptor fd) : LoopCallback(place), fd_(std::move(fd)) {}
  void CloseHandles() override;
  static void OnReadable(uv_poll_t* poll, int status, int events);

  uv_poll_t poll_{};
  Descriptor fd_;
};

void Watcher::Handle::Watch(const Napi::CallbackInfo& info, LoopCallback** place, int fd,
                            Napi::Function callback) {
  const Napi::Env env = info.Env();
  Descriptor own(Retry([&] { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
  if (own.get() < 0) return ThrowSystem(env, "fcntl", own.get(), {});
  std::unique_ptr<Handle> made(new Handle(place, std::move(own)));
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  const int error = uv_poll_init(loop, &made->poll_, made->fd_.get());
  if (error < 0) return ThrowSystem(env, "epoll_ctl", error, {});
  Handle* const handle = made.release();
  handle->poll_.data = handle;
  if (!handle->Open(info, "wasmpoll.Watcher", callback)) return;
  uv_poll_start(&handle->poll_, UV_READABLE, OnReadable);
  const int entered = EnterLoop(loop, handle->fd_.get());
  if (entered >= 0) return;
  handle->Close();
  ThrowSystem(env, "epoll_ctl", entered, {});
}

void Watcher::Handle::CloseHandles() {
  CloseHandle(Uv());
  // libuv has let go of the number by now, and the caller may want what it stands for gone at once.
  fd_.Reset();
}

void Watcher::Handle::OnReadable(uv_poll_t* poll, int, int) {
  static_cast<Handle*>(poll->data)->Call();
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
  if (!arguments.Failed()) Handle::Watch(info, &handle_, fd, callback);
}

Watcher::Handle* Watcher::GetHandle() const { return static_cast<Handle*>(handle_); }

void Watcher::Ref(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) uv_ref(GetHandle()->Uv());
}

void Watcher::Unref(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) uv_unref(GetHandle()->Uv());
}

void Watcher::Close(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace wasmpoll
