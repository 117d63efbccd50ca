// Reads what JavaScript says of the TLS of a listener or an upstream. Knows names of properties; judges no text.
#pragma once

#include <string>

#include <napi.h>

#include "tls_context.h"
#include "tls_outward.h"

namespace wasmpoll {

// The first that is not what it must be leaves an exception pending.
TlsOptions ReadTlsOptions(class Arguments* arguments, napi_env env, napi_value object);
TlsOutwardOptions ReadTlsOutward(class Arguments* arguments, napi_env env, napi_value object);

}  // namespace wasmpoll
