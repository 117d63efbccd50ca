// Scattered reads and gathered writes on single descriptors: readv(2) and its relatives. Knows ranges
// of one view; must not know whose memory it is.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterVector(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
