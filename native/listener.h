// Listeners: sockets that listen, their files, who connects to them, and those that were passed on. Knows
// system calls; must not know who is let in.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterListener(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
