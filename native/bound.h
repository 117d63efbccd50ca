// Memory that JavaScript has named for calls to come. Knows how it can go away; must not know what it is for.
#pragma once

#include <cstdint>

#include <napi.h>

namespace wasmpoll {

// Memory of a typed array, and what is needed to notice that it is gone. Memory of a SharedArrayBuffer never
// goes; an ArrayBuffer can be detached (memory.grow, transfer) or shrink.
struct Bound {
  uint8_t* data = nullptr;
  // In elements.
  uint64_t length = 0;
  bool detachable = false;
  Napi::Reference<Napi::Value> view;

  void Bind(napi_env env, napi_value value, napi_value buffer, void* start, uint64_t count);
  bool Intact(napi_env env) const;
};

}  // namespace wasmpoll
