// The main thread makes a Tls, and each thread that serves takes a TlsSeat of it.
#include "tls.h"

#include <climits>
#include <ctime>
#include <string>
#include <vector>

#include "arguments.h"
#include "error.h"
#include "state.h"

namespace wasmpoll {
namespace {

// No text is larger: BIO_new_mem_buf(3) takes an int.
constexpr size_t kMostText = 16 * 1024 * 1024;

// Reads properties of one object; the first that is not what it must be leaves an exception pending.
class Properties {
 public:
  Properties(Arguments* arguments, napi_env env, napi_value object)
      : arguments_(arguments), env_(env), object_(object) {}

  std::string Text(const char* name) {
    const napi_value value = Get(name);
    size_t length = 0;
    if (arguments_->Failed() ||
        napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok) {
      return Wrong(name, "a string");
    }
    if (length > kMostText) return Wrong(name, "a shorter string");
    std::string text(length, '\0');
    napi_get_value_string_utf8(env_, value, text.data(), length + 1, &length);
    return text;
  }

  int Int(const char* name, int low, int high) {
    const napi_value value = Get(name);
    int32_t number = 0;
    if (arguments_->Failed() || napi_get_value_int32(env_, value, &number) != napi_ok ||
        number < low || number > high) {
      Wrong(name, "a number that is known");
      return low;
    }
    return number;
  }

  napi_value Get(const char* name) {
    napi_value value = nullptr;
    if (arguments_->Failed()) return nullptr;
    if (napi_get_named_property(env_, object_, name, &value) != napi_ok) Wrong(name, "there");
    return value;
  }

 private:
  std::string Wrong(const char* name, const char* expected) {
    if (!arguments_->Failed()) {
      arguments_->OutOfRange(std::string(name) + " must be " + expected);
    }
    return "";
  }

  Arguments* const arguments_;
  const napi_env env_;
  const napi_value object_;
};

TlsOptions ReadOptions(Arguments* arguments, napi_env env, napi_value object) {
  Properties properties(arguments, env, object);
  TlsOptions options;
  options.ca = properties.Text("ca");
  options.alpn = properties.Text("alpn");
  options.clients = static_cast<TlsClients>(properties.Int("clients", 0, 2));
  options.oldest = properties.Int("oldest", TLS1_2_VERSION, TLS1_3_VERSION);
  options.tickets = properties.Int("tickets", 0, 1) != 0;
  const napi_value pairs = properties.Get("pairs");
  uint32_t count = 0;
  if (arguments->Failed()) return options;
  if (napi_get_array_length(env, pairs, &count) != napi_ok || count == 0) {
    arguments->OutOfRange("pairs must be an array of at least one");
  }
  for (uint32_t index = 0; index < count && !arguments->Failed(); ++index) {
    napi_value element = nullptr;
    napi_get_element(env, pairs, index, &element);
    Properties pair(arguments, env, element);
    options.pairs.push_back({pair.Text("name"), pair.Text("cert"), pair.Text("key")});
  }
  return options;
}

TlsOutwardOptions ReadOutward(Arguments* arguments, napi_env env, napi_value object) {
  Properties properties(arguments, env, object);
  TlsOutwardOptions options;
  options.host = properties.Text("host");
  options.ca = properties.Text("ca");
  options.pair.certificate = properties.Text("cert");
  options.pair.key = properties.Text("key");
  options.alpn = properties.Text("alpn");
  options.oldest = properties.Int("oldest", TLS1_2_VERSION, TLS1_3_VERSION);
  options.verifies = properties.Int("verifies", 0, 1) != 0;
  options.resume_ms = properties.Int("tickets", 0, 1);
  return options;
}

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

std::shared_ptr<TlsState> FindTls(Arguments* arguments, size_t index, int* seat) {
  const int id = arguments->Int(index, "id", 1, INT_MAX);
  *seat = arguments->Int(index + 1, "seat", 0, kSeats - 1);
  if (arguments->Failed()) return nullptr;
  std::shared_ptr<TlsState> state = TlsState::Find(id);
  if (state == nullptr) arguments->OutOfRange("no Tls has the id " + std::to_string(id));
  return state;
}

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
  TlsOptions options = ReadOptions(&arguments, env, info[1]);
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
  TlsOutwardOptions options = ReadOutward(&arguments, env, info[1]);
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
  std::unique_ptr<TlsSession> session =
      TlsSession::MakeOutward(std::move(outward), host, "", handle);
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
