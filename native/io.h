// Rows of receives, sends and copies, performed in one call. Knows descriptors and ranges of bound
// buffers; must not know connections, retries or what the bytes mean.
#pragma once

#include <cstdint>
#include <memory>

#include <napi.h>

#include "bound.h"

namespace wasmpoll {

// The layout of a row; host/kernel/native.ts refuses an addon whose numbers differ.
constexpr int kRow = 8;
constexpr int kRowKind = 0;
constexpr int kRowFd = 1;
constexpr int kRowBuffer = 2;
constexpr int kRowOffset = 3;
constexpr int kRowLength = 4;
constexpr int kRowResult = 5;
constexpr int kRowTargetBuffer = 6;
constexpr int kRowTargetOffset = 7;
// In rows of TLS.
constexpr int kRowSlot = 6;
constexpr int kRowWire = 7;

constexpr int kKindNone = 0;
constexpr int kKindRecv = 1;
constexpr int kKindUpdate = 2;
constexpr int kKindCopy = 3;
constexpr int kKindTlsRecv = 4;
constexpr int kKindTlsSeal = 5;
constexpr int kKindTlsEnd = 6;
constexpr int kKindSend = 8;
constexpr int kKindTlsSend = 12;

constexpr int kBuffers = 9;
// Where rows of TLS leave ciphertext.
constexpr int kWireBuffer = 6;

class TlsSessions;

class Io : public Napi::ObjectWrap<Io> {
 public:
  static void Register(Napi::Env env, Napi::Object exports);
  // (rows: Int32Array of a multiple of kRow elements); keeps a reference to it.
  explicit Io(const Napi::CallbackInfo& info);

 private:
  class Batch;

  void Bind(const Napi::CallbackInfo& info);
  // (id, seat): rows of TLS find their sessions in this seat of a Tls.
  void Secure(const Napi::CallbackInfo& info);
  static napi_value Run(napi_env env, napi_callback_info info);

  Bound rows_;
  int count_ = 0;
  Bound buffers_[kBuffers];
  std::shared_ptr<TlsSessions> sessions_;
  // What a receive has brought, and pieces that go into one record.
  std::unique_ptr<uint8_t[]> received_;
  std::unique_ptr<uint8_t[]> gathered_;
};

}  // namespace wasmpoll
