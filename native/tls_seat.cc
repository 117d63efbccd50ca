// A seat's sessions, as the thread that has the seat calls for them.
#include <climits>
#include <ctime>
#include <string>

#include "arguments.h"
#include "state.h"
#include "tls.h"

namespace wasmpoll {

std::shared_ptr<TlsState> FindTls(Arguments* arguments, size_t index, int* seat) {
  const int id = arguments->Int(index, "id", 1, INT_MAX);
  *seat = arguments->Int(index + 1, "seat", 0, kSeats - 1);
  if (arguments->Failed()) return nullptr;
  std::shared_ptr<TlsState> state = TlsState::Find(id);
  if (state == nullptr) arguments->OutOfRange("no Tls has the id " + std::to_string(id));
  return state;
}

void TlsSeat::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("TlsSeat", DefineClass(env, "TlsSeat",
                                     {
                                         InstanceMethod<&TlsSeat::Open>("open"),
                                         InstanceMethod<&TlsSeat::Dial>("dial"),
                                         InstanceMethod<&TlsSeat::Adopt>("adopt"),
                                         InstanceMethod<&TlsSeat::Drop>("drop"),
                                         InstanceMethod<&TlsSeat::Feed>("feed"),
                                         InstanceMethod<&TlsSeat::Has>("has"),
                                         InstanceMethod<&TlsSeat::Fact>("fact"),
                                         InstanceMethod<&TlsSeat::Close>("close"),
                                         InstanceMethod<&TlsSeat::ProcessorMs>("processorMs"),
                                     }));
}

TlsSeat::TlsSeat(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TlsSeat>(info) {
  Arguments arguments(info, "TlsSeat");
  int seat = 0;
  state_ = FindTls(&arguments, 0, &seat);
  if (state_ != nullptr) sessions_ = state_->SessionsOf(seat);
}

// (slot, handle, listener). Whether there is a session now.
Napi::Value TlsSeat::Open(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.open");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX - 1);
  const int handle = arguments.Int(1, "handle", INT_MIN, INT_MAX);
  const int listener = arguments.Int(2, "listener", 0, INT_MAX);
  if (arguments.Failed()) return {};
  sessions_->Free(slot);
  std::shared_ptr<TlsContext> context = state_->ContextOf(listener);
  if (context == nullptr) return Napi::Boolean::New(info.Env(), false);
  std::unique_ptr<TlsSession> session = TlsSession::Make(std::move(context), handle);
  const bool made = session != nullptr;
  if (made) sessions_->Set(slot, std::move(session));
  return Napi::Boolean::New(info.Env(), made);
}

// (slot, handle, upstream, host). Whether there is a session now, with which nothing was said yet.
Napi::Value TlsSeat::Dial(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.dial");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX - 1);
  const int handle = arguments.Int(1, "handle", INT_MIN, INT_MAX);
  const int upstream = arguments.Int(2, "upstream", 0, INT_MAX);
  const std::string host = arguments.Text(3, "host");
  if (arguments.Failed()) return {};
  sessions_->Free(slot);
  std::shared_ptr<TlsOutward> outward = state_->OutwardOf(upstream);
  if (outward == nullptr) return Napi::Boolean::New(info.Env(), false);
  // The operator's word comes before the guest's.
  const std::string aim = outward->host().empty() ? host : outward->host();
  std::unique_ptr<TlsSession> session =
      TlsSession::MakeOutward(std::move(outward), aim, "", handle);
  const bool made = session != nullptr;
  if (made) sessions_->Set(slot, std::move(session));
  return Napi::Boolean::New(info.Env(), made);
}

// (slot, handle, id). 0: there is no such session; 1: the slot has it; 2: and input waits in it.
Napi::Value TlsSeat::Adopt(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.adopt");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX - 1);
  const int handle = arguments.Int(1, "handle", INT_MIN, INT_MAX);
  const int id = arguments.Int(2, "id", 1, INT_MAX);
  if (arguments.Failed()) return {};
  std::unique_ptr<TlsSession> session = state_->dials()->Take(id);
  if (session == nullptr) return Integer(info.Env(), 0);
  session->set_handle(handle);
  const int answer = session->early() ? 2 : 1;
  sessions_->Set(slot, std::move(session));
  return Integer(info.Env(), answer);
}

// (id): a session that no slot takes.
void TlsSeat::Drop(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.drop");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  if (!arguments.Failed()) state_->dials()->Drop(id);
}

// (slot, view, offset, length)
void TlsSeat::Feed(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.feed");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX);
  const Bytes bytes = arguments.Range(1, 1);
  if (!arguments.Failed() && bytes.length > kTlsReceive) arguments.OutOfRange("too many bytes");
  if (arguments.Failed()) return;
  TlsSession* const session = sessions_->At(slot);
  if (session != nullptr) session->Feed(bytes.data, bytes.length);
}

// (slot, handle). Whether the slot has a session, and of this connection.
Napi::Value TlsSeat::Has(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.has");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX);
  const int handle = arguments.Int(1, "handle", INT_MIN, INT_MAX);
  if (arguments.Failed()) return {};
  const TlsSession* const session = sessions_->At(slot);
  return Napi::Boolean::New(info.Env(), session != nullptr && session->handle() == handle);
}

// (slot, name). A string, or undefined.
Napi::Value TlsSeat::Fact(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.fact");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX);
  const std::string name = arguments.Text(1, "name");
  if (arguments.Failed()) return {};
  const TlsSession* const session = sessions_->At(slot);
  std::string value;
  if (session == nullptr || !session->Fact(name, &value)) return info.Env().Undefined();
  return Napi::String::New(info.Env(), value);
}

void TlsSeat::Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "TlsSeat.close");
  const int slot = arguments.Int(0, "slot", 0, INT_MAX);
  if (!arguments.Failed()) sessions_->Free(slot);
}

Napi::Value TlsSeat::ProcessorMs(const Napi::CallbackInfo& info) {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return Napi::Number::New(info.Env(), time.tv_sec * 1e3 + time.tv_nsec / 1e6);
}

}  // namespace wasmpoll
