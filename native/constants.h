// Every number of the kernel's that JavaScript sees, and the layout of rows and events.
#pragma once

#include <napi.h>

namespace wasmpoll {

void RegisterConstants(Napi::Env env, Napi::Object exports);

}  // namespace wasmpoll
