// JavaScript values become checked C++ values here, before anything is narrowed or any system call
// is made. Knows types and ranges, not what the values are for.
#pragma once

#include <climits>
#include <cmath>
#include <cstdint>
#include <string>

#include <napi.h>

namespace wasmpoll {

struct Bytes {
  uint8_t* data;
  size_t length;
};

inline Napi::Value Integer(napi_env env, int value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return Napi::Value(env, result);
}

// Reads the arguments of one call. The first bad one leaves an exception pending; later reads then
// return zeros, so that a caller reads all it needs and asks Failed() once.
class Arguments {
 public:
  Arguments(const Napi::CallbackInfo& info, const char* function)
      : env_(info.Env()), function_(function) {
    for (size_t index = 0; index < kMost; ++index) values_[index] = info[index];
  }
  // For a function that was made with a pointer of its own, which goes to `data`.
  Arguments(napi_env env, napi_callback_info info, const char* function, void** data)
      : env_(env), function_(function) {
    size_t count = kMost;
    napi_get_cb_info(env, info, &count, values_, nullptr, data);
  }

  napi_value operator[](size_t index) const { return values_[index]; }

  bool Failed() const { return failed_; }

  // An integer from `low` to `high`, both of which a double holds exactly.
  double Number(size_t index, const char* name, double low, double high) {
    double value = 0;
    if (failed_) return 0;
    if (napi_get_value_double(env_, values_[index], &value) != napi_ok) {
      WrongType(index, name, "a number");
      return 0;
    }
    // The first comparison is false for NaN too.
    // Bounds are within 2^53, so what passes fits.
    if (!(value >= low && value <= high) ||
        value != static_cast<double>(static_cast<int64_t>(value))) [[unlikely]] {
      WrongNumber(index, name, low, high);
      return 0;
    }
    return value;
  }
  int Int(size_t index, const char* name, int low, int high) {
    return static_cast<int>(Number(index, name, low, high));
  }
  int Fd(size_t index, const char* name = "fd") { return Int(index, name, 0, INT_MAX); }
  uint32_t Unsigned(size_t index, const char* name) {
    return static_cast<uint32_t>(Number(index, name, 0, UINT32_MAX));
  }

  bool Boolean(size_t index, const char* name);
  // UTF-8 without NUL, since what follows is handed to the kernel as a C string.
  std::string Text(size_t index, const char* name);
  Napi::Function Callback(size_t index, const char* name);
  // A typed array of exactly this type; its elements, and its buffer when `buffer` is not null.
  // `length` counts elements. A view over a SharedArrayBuffer is as good as any.
  void* View(size_t index, const char* name, napi_typedarray_type type, size_t* length,
             napi_value* buffer = nullptr);
  // The arguments (view, offset, length) from `index` on, checked against each other.
  Bytes Range(size_t index, size_t shortest, const char* name = "view");

  // `<function>: <text>` as a RangeError or TypeError.
  void OutOfRange(const std::string& text);
  void WrongType(size_t index, const char* name, const char* expected);

 private:
  [[gnu::cold]] void WrongNumber(size_t index, const char* name, double low, double high);

  static constexpr size_t kMost = 8;

  napi_env env_;
  // Those that were not given are undefined.
  napi_value values_[kMost];
  const char* function_;
  bool failed_ = false;
};

}  // namespace wasmpoll
