// A method that knows its object. One of a class asks V8 for the C++ object at each call, and that
// takes 60 of the 100 ns of a call which does nothing. For the data path only.
#pragma once

#include <napi.h>

namespace wasmpoll {

// Gives `object` a function as a property of its own. The function holds the object, whose finalizer
// is what ends `self`. Writable, as the methods of a JavaScript class are, so that a test can count.
inline void DefineMethod(Napi::Object object, const char* name, napi_callback function,
                         void* self) {
  const napi_env env = object.Env();
  napi_value method = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, self, &method) != napi_ok) return;
  napi_property_descriptor owner{};
  owner.utf8name = "owner";
  owner.value = object;
  napi_define_properties(env, method, 1, &owner);
  napi_property_descriptor property{};
  property.utf8name = name;
  property.value = method;
  property.attributes = napi_default_method;
  napi_define_properties(env, object, 1, &property);
}

}  // namespace wasmpoll
