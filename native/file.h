// What Node's own file functions lack: opening beneath a folder, positions, flags; and poll(2) and
// clocks for single descriptors and numbers. Knows system calls; must not know who calls them.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterFile(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
