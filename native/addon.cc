// The addon's entry. Nothing here or below is global and mutable but the owners of descriptors
// (ownership.cc) and the tables of what threads share (shared.cc, peer_tables.cc, tls_state.cc), so it loads
// in any number of threads; what a thread has hangs on its own objects.
#include <napi.h>

#include "backend.h"
#include "constants.h"
#include "epoll.h"
#include "file.h"
#include "io.h"
#include "listener.h"
#include "ownership.h"
#include "peers.h"
#include "shared.h"
#include "socket.h"
#include "stream.h"
#include "tls.h"
#include "vector.h"
#include "watcher.h"

namespace {

Napi::Object Start(Napi::Env env, Napi::Object exports) {
  wasmpoll::RegisterOwnership(env, exports);
  wasmpoll::RegisterConstants(env, exports);
  wasmpoll::RegisterSocket(env, exports);
  wasmpoll::RegisterListener(env, exports);
  wasmpoll::Peers::Register(env, exports);
  wasmpoll::RegisterStream(env, exports);
  wasmpoll::Backend::Register(env, exports);
  wasmpoll::RegisterFile(env, exports);
  wasmpoll::RegisterVector(env, exports);
  wasmpoll::Epoll::Register(env, exports);
  wasmpoll::Io::Register(env, exports);
  wasmpoll::Watcher::Register(env, exports);
  wasmpoll::Shared::Register(env, exports);
  wasmpoll::Tls::Register(env, exports);
  wasmpoll::TlsSeat::Register(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(wasmpoll, Start)
