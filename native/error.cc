// The texts and properties of errors. Knows errno and libuv's names for it, not who failed.
#include "error.h"

#include <cstdlib>

#include <uv.h>

namespace wasmpoll {

void ThrowType(napi_env env, const std::string& message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message.c_str());
}

void ThrowRange(napi_env env, const std::string& message) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message.c_str());
}

void ThrowState(napi_env env, const std::string& message) {
  napi_throw_type_error(env, "ERR_INVALID_STATE", message.c_str());
}

// The `_r` forms, since uv_err_name leaks memory for numbers that it does not know.
std::string ErrorName(int error) {
  char name[64];
  return uv_err_name_r(-std::abs(error), name, sizeof name);
}

Napi::Error SystemError(Napi::Env env, const std::string& syscall, int error,
                        const std::string& detail) {
  char text[128];
  const int negative = -std::abs(error);
  const std::string code = ErrorName(negative);
  std::string message = syscall + " " + code + ": " + uv_strerror_r(negative, text, sizeof text);
  if (!detail.empty()) message += " " + detail;
  Napi::Error result = Napi::Error::New(env, message);
  if (env.IsExceptionPending()) return result;
  result.Set("errno", Napi::Number::New(env, negative));
  result.Set("code", Napi::String::New(env, code));
  result.Set("syscall", Napi::String::New(env, syscall));
  return result;
}

void ThrowSystem(Napi::Env env, const char* syscall, int error, const std::string& detail) {
  SystemError(env, syscall, error, detail).ThrowAsJavaScriptException();
}

void CallBack(napi_env env, napi_async_context context, napi_value receiver, napi_value callback) {
  if (napi_make_callback(env, context, receiver, callback, 0, nullptr, nullptr) == napi_ok) return;
  napi_value error = nullptr;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) return;
  // Neither call does anything in an environment that is ending.
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace wasmpoll
