// Sockets: listening, connecting, accepting, names, options, and ends. Knows system calls; must not
// know limits, timeouts or retries.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterSocket(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
