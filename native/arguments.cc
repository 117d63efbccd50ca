// The slower half of argument checking: strings, views, and the texts of complaints.
#include "arguments.h"

#include <string_view>

#include "error.h"

namespace wasmpoll {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991;

const char* TypeName(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: return "another object";
  }
}

// Only numbers are printed: nothing else becomes a string without running JavaScript.
std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char text[32];
  snprintf(text, sizeof text, "%.16g", value);
  return text;
}

}  // namespace

bool Arguments::Boolean(size_t index, const char* name) {
  bool value = false;
  if (!failed_ && napi_get_value_bool(env_, values_[index], &value) != napi_ok) {
    WrongType(index, name, "a boolean");
  }
  return value;
}

std::string Arguments::Text(size_t index, const char* name) {
  size_t length = 0;
  if (failed_) return {};
  const napi_value value = values_[index];
  if (napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok) {
    WrongType(index, name, "a string");
    return {};
  }
  std::string text(length, '\0');
  napi_get_value_string_utf8(env_, value, text.data(), length + 1, &length);
  if (text.find('\0') != std::string::npos) {
    OutOfRange(std::string(name) + " must not contain a NUL character");
    return {};
  }
  return text;
}

Napi::Function Arguments::Callback(size_t index, const char* name) {
  if (failed_) return {};
  const Napi::Value value(env_, values_[index]);
  if (!value.IsFunction()) {
    WrongType(index, name, "a function");
    return {};
  }
  return value.As<Napi::Function>();
}

void* Arguments::View(size_t index, const char* name, napi_typedarray_type type, size_t* length,
                      napi_value* buffer) {
  *length = 0;
  if (failed_) return nullptr;
  napi_typedarray_type found = napi_int8_array;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(env_, values_[index], &found, length, &data, buffer, nullptr);
  if (status == napi_ok && found == type) return data;
  *length = 0;
  WrongType(index, name,
            type == napi_uint8_array     ? "a Uint8Array"
            : type == napi_uint32_array  ? "a Uint32Array"
            : type == napi_float64_array ? "a Float64Array"
                                         : "an Int32Array");
  return nullptr;
}

Bytes Arguments::Range(size_t index, size_t shortest, const char* name) {
  size_t size = 0;
  auto* const data = static_cast<uint8_t*>(View(index, name, napi_uint8_array, &size));
  const double offset = Number(index + 1, "offset", 0, kMaxSafeInteger);
  const double length = Number(index + 2, "length", static_cast<double>(shortest), kMaxSafeInteger);
  if (failed_) return {nullptr, 0};
  const auto start = static_cast<uint64_t>(offset);
  const auto count = static_cast<uint64_t>(length);
  if (start > size || count > size - start) {
    OutOfRange("offset " + std::to_string(start) + " and length " + std::to_string(count) +
               " leave the " + name + " of " + std::to_string(size) + " bytes");
    return {nullptr, 0};
  }
  return {data == nullptr ? nullptr : data + start, count};
}

void Arguments::OutOfRange(const std::string& text) {
  if (failed_) return;
  failed_ = true;
  ThrowRange(env_, std::string(function_) + ": " + text);
}

void Arguments::WrongType(size_t index, const char* name, const char* expected) {
  failed_ = true;
  ThrowType(env_, std::string(function_) + ": " + name + " must be " + expected + ", got " +
                      TypeName(env_, values_[index]));
}

void Arguments::WrongNumber(size_t index, const char* name, double low, double high) {
  double value = 0;
  napi_get_value_double(env_, values_[index], &value);
  OutOfRange(std::string(name) + " must be an integer from " + NumberText(low) + " to " +
             NumberText(high) + ", got " + NumberText(value));
}

}  // namespace wasmpoll
