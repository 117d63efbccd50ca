// Options of TLS as JavaScript gives them: objects of texts and numbers.
#include "tls_options.h"

#include <vector>

#include "arguments.h"

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

}  // namespace

TlsOptions ReadTlsOptions(Arguments* arguments, napi_env env, napi_value object) {
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

TlsOutwardOptions ReadTlsOutward(Arguments* arguments, napi_env env, napi_value object) {
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

}  // namespace wasmpoll
