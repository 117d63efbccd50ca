// Bytes through single descriptors outside of Io; pairs of descriptors, and those for wake-ups; the
// names of errors. Knows system calls; must not know who calls them.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterStream(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
