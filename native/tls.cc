// The main thread makes a Tls, and each thread that serves takes a TlsSeat of it.
#include "tls.h"

#include <climits>
#include <string>

#include "arguments.h"
#include "state.h"
#include "tls_options.h"

namespace wasmpoll {
namespace {

// Undefined, or what is wrong: { pair, part, why }.
Napi::Value Told(Napi::Env env, bool right, const TlsFault& fault) {
  if (right) return env.Undefined();
  const Napi::Object told = Napi::Object::New(env);
  told.Set("pair", Integer(env, fault.pair));
  told.Set("part", fault.part);
  told.Set("why", fault.why);
  return told;
}

// Why there is no TLS, or ''; (what Node says of its OpenSSL).
Napi::Value Refusal(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "tlsRefusal");
  const std::string expected = arguments.Text(0, "version");
  if (arguments.Failed()) return {};
  return Napi::String::New(info.Env(), OpensslRefusal(expected));
}

Napi::Value CountSessions(const Napi::CallbackInfo& info) {
  return Integer(info.Env(), TlsSession::Count());
}

}  // namespace

void Tls::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("Tls", DefineClass(env, "Tls",
                                 {
                                     InstanceMethod<&Tls::Prepare>("prepare"),
                                     InstanceMethod<&Tls::Commit>("commit"),
                                     InstanceMethod<&Tls::Discard>("discard"),
                                     InstanceMethod<&Tls::Count>("count"),
                                     InstanceMethod<&Tls::PrepareUpstream>("prepareUpstream"),
                                     InstanceMethod<&Tls::Dial>("dial"),
                                     InstanceMethod<&Tls::Step>("step"),
                                     InstanceMethod<&Tls::Why>("why"),
                                     InstanceMethod<&Tls::Cause>("cause"),
                                     InstanceMethod<&Tls::Drop>("drop"),
                                     InstanceMethod<&Tls::Release>("release"),
                                 }));
  exports.Set("tlsRefusal", Napi::Function::New<Refusal>(env, "tlsRefusal"));
  exports.Set("tlsSessions", Napi::Function::New<CountSessions>(env, "tlsSessions"));
}

Tls::Tls(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Tls>(info) {
  Arguments arguments(info, "Tls");
  const double lifetime_ms = arguments.Number(0, "ticketLifetimeMs", 0, INT_MAX);
  const std::string missing = &SSL_new == nullptr ? "there is no OpenSSL" : "";
  if (!arguments.Failed() && !missing.empty()) arguments.OutOfRange(missing);
  if (arguments.Failed()) return;
  state_ = std::make_shared<TlsState>(static_cast<int64_t>(lifetime_ms));
  id_ = TlsState::Enter(state_);
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("id", Integer(info.Env(), id_), napi_enumerable));
}

Tls::~Tls() {
  if (state_ != nullptr) TlsState::Remove(id_);
}

// (listener, options). Undefined, or what is wrong: { pair, part, why }.
Napi::Value Tls::Prepare(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.prepare");
  const Napi::Env env = info.Env();
  const int listener = arguments.Int(0, "listener", 0, INT_MAX);
  if (!arguments.Failed() && !info[1].IsObject()) arguments.WrongType(1, "options", "an object");
  if (arguments.Failed()) return {};
  TlsOptions options = ReadTlsOptions(&arguments, env, info[1]);
  TlsFault fault;
  if (arguments.Failed() || env.IsExceptionPending()) return {};
  const bool prepared = state_->Prepare(listener, options, &fault);
  for (TlsPair& pair : options.pairs) OPENSSL_cleanse(pair.key.data(), pair.key.size());
  return Told(env, prepared, fault);
}

// (upstream, options)
Napi::Value Tls::PrepareUpstream(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.prepareUpstream");
  const Napi::Env env = info.Env();
  const int upstream = arguments.Int(0, "upstream", 0, INT_MAX);
  if (!arguments.Failed() && !info[1].IsObject()) arguments.WrongType(1, "options", "an object");
  if (arguments.Failed()) return {};
  TlsOutwardOptions options = ReadTlsOutward(&arguments, env, info[1]);
  if (options.resume_ms != 0) options.resume_ms = state_->ticket_lifetime_ms();
  TlsFault fault;
  if (arguments.Failed() || env.IsExceptionPending()) return {};
  const bool prepared = state_->PrepareOutward(upstream, options, &fault);
  OPENSSL_cleanse(options.pair.key.data(), options.pair.key.size());
  return Told(env, prepared, fault);
}

// (upstream, host, peer, fd). The number of the handshake, or 0.
Napi::Value Tls::Dial(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.dial");
  const int upstream = arguments.Int(0, "upstream", 0, INT_MAX);
  const std::string host = arguments.Text(1, "host");
  const std::string peer = arguments.Text(2, "peer");
  const int fd = arguments.Int(3, "fd", 0, INT_MAX);
  if (arguments.Failed()) return {};
  std::shared_ptr<TlsOutward> outward = state_->OutwardOf(upstream);
  if (outward == nullptr) return Integer(info.Env(), 0);
  return Integer(info.Env(), state_->dials()->Begin(std::move(outward), host, peer, fd));
}

Napi::Value Tls::Step(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.step");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), state_->dials()->Step(id));
}

Napi::Value Tls::Why(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.why");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  if (arguments.Failed()) return {};
  return Napi::String::New(info.Env(), state_->dials()->Why(id));
}

Napi::Value Tls::Cause(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.cause");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  if (arguments.Failed()) return {};
  return Integer(info.Env(), state_->dials()->Cause(id));
}

void Tls::Drop(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.drop");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  if (!arguments.Failed()) state_->dials()->Drop(id);
}

void Tls::Commit(const Napi::CallbackInfo&) { state_->Commit(); }

void Tls::Discard(const Napi::CallbackInfo&) { state_->Discard(); }

// (columns): adds up what all seats have counted.
void Tls::Count(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tls.count");
  size_t length = 0;
  auto* const columns =
      static_cast<double*>(arguments.View(0, "columns", napi_float64_array, &length));
  if (!arguments.Failed() && length < kTlsCounts) {
    arguments.OutOfRange("columns must have " + std::to_string(kTlsCounts) + " elements");
  }
  if (!arguments.Failed()) state_->Count(columns);
}

void Tls::Release(const Napi::CallbackInfo&) { TlsState::Remove(id_); }

}  // namespace wasmpoll
