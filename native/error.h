// How mistakes reach JavaScript: TypeError and RangeError for arguments, Node's form for errno.
// Throwing here means leaving a pending exception; the caller must return at once.
#pragma once

#include <string>

#include <napi.h>

namespace wasmpoll {

// code ERR_INVALID_ARG_TYPE
void ThrowType(napi_env env, const std::string& message);
// code ERR_OUT_OF_RANGE
void ThrowRange(napi_env env, const std::string& message);
// TypeError with code ERR_INVALID_STATE: memory that was bound is gone.
void ThrowState(napi_env env, const std::string& message);

// `ECONNRESET`; takes errno with either sign.
std::string ErrorName(int error);

// `listen EADDRINUSE: address already in use 127.0.0.1:80` with code, errno (negative) and syscall.
Napi::Error SystemError(Napi::Env env, const std::string& syscall, int error,
                        const std::string& detail);
void ThrowSystem(Napi::Env env, const char* syscall, int error, const std::string& detail);

// Calls a function from the event loop. Nobody is above to catch what it throws, so that goes to
// 'uncaughtException'.
void CallBack(napi_env env, napi_async_context context, napi_value receiver, napi_value callback);

}  // namespace wasmpoll
