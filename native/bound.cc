// Whether bound memory is still there is asked of V8 once a call, where it can have gone.
#include "bound.h"

namespace wasmpoll {

void Bound::Bind(napi_env env, napi_value value, napi_value buffer, void* start, uint64_t count) {
  napi_is_arraybuffer(env, buffer, &detachable);
  data = static_cast<uint8_t*>(start);
  length = count;
  view = Napi::Reference<Napi::Value>::New(Napi::Value(env, value), 1);
}

// Asks for the length only, which is 0 after a detachment: about 10 ns, and it needs no reference
// to the buffer itself.
bool Bound::Intact(napi_env env) const {
  size_t now = 0;
  const napi_status status =
      napi_get_typedarray_info(env, view.Value(), nullptr, &now, nullptr, nullptr, nullptr);
  return status == napi_ok && now >= length;
}

}  // namespace wasmpoll
