// Arguments of a seat's calls. Nothing happens before all of them were checked; memory that JavaScript may
// have let go of is asked for first.
#include "shared_seat.h"

#include <algorithm>
#include <string>

#include "arguments.h"
#include "error.h"
#include "method.h"

namespace wasmpoll {
namespace {

// Longer logs and windows are not needed, and their offsets fit an int.
constexpr size_t kMostBytes = INT_MAX;

bool ReadTime(napi_env env, Arguments* arguments, size_t index, double* now) {
  if (arguments->Failed()) return false;
  if (napi_get_value_double(env, (*arguments)[index], now) != napi_ok) {
    arguments->WrongType(index, "now", "a number");
  } else if (!std::isfinite(*now)) {
    arguments->OutOfRange("now must be finite");
  }
  return !arguments->Failed();
}

}  // namespace

Napi::Value SharedSeat::New(Napi::Env env, std::shared_ptr<State> state,
                            std::shared_ptr<Seat> seat) {
  const Napi::Object object = Napi::Object::New(env);
  auto* const self = new SharedSeat(std::move(state), std::move(seat));
  const auto end = [](napi_env, void* data, void*) { delete static_cast<SharedSeat*>(data); };
  if (napi_wrap(env, object, self, end, nullptr, nullptr) != napi_ok) {
    delete self;
    return {};
  }
  DefineMethod(object, "bind", Bind, self);
  DefineMethod(object, "check", Check, self);
  DefineMethod(object, "commit", Commit, self);
  DefineMethod(object, "take", Take, self);
  DefineMethod(object, "again", Again, self);
  DefineMethod(object, "poison", Poison, self);
  DefineMethod(object, "leaveAll", LeaveAll, self);
  DefineMethod(object, "retained", Retained, self);
  DefineMethod(object, "adopt", Adopt, self);
  return object;
}

bool SharedSeat::Has(napi_env env, const Bound& bound, const char* function, const char* name) {
  if (bound.data != nullptr && (!bound.detachable || bound.Intact(env))) [[likely]] return true;
  ThrowState(env, std::string(function) + ": the " + name +
                      (bound.view.IsEmpty() ? " is not bound" : " was detached or has shrunk"));
  return false;
}

napi_value SharedSeat::Bind(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.bind", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  size_t log_length = 0;
  napi_value log_buffer = nullptr;
  void* const log = arguments.View(0, "log", napi_uint8_array, &log_length, &log_buffer);
  size_t block_length = 0;
  napi_value block_buffer = nullptr;
  void* const block = arguments.View(1, "block", napi_int32_array, &block_length, &block_buffer);
  if (!arguments.Failed() && (reinterpret_cast<uintptr_t>(log) % 8 != 0 || log_length > kMostBytes)) {
    arguments.OutOfRange("log must start at a multiple of 8 and have less than 2 GiB");
  }
  if (!arguments.Failed() && (log == nullptr || block_length < kBlock)) {
    arguments.OutOfRange("log must have bytes, and block " + std::to_string(kBlock) + " elements");
  }
  if (arguments.Failed()) return nullptr;
  self->log_.Bind(env, arguments[0], log_buffer, log, log_length);
  self->block_.Bind(env, arguments[1], block_buffer, block, block_length);
  return nullptr;
}

napi_value SharedSeat::Check(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.check", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  const int at = arguments.Int(0, "at", 0, INT_MAX);
  const int joins = arguments.Int(1, "joins", 0, INT_MAX);
  if (arguments.Failed() || !self->HasLog(env, "SharedSeat.check")) return nullptr;
  Record record;
  if (!ReadRecord(self->log_.data, self->log_.length, at, &record)) {
    arguments.OutOfRange("there is no record at " + std::to_string(at));
    return nullptr;
  }
  return Integer(env, self->state_->Check(*self->seat_, record, joins));
}

napi_value SharedSeat::Commit(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.commit", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  if (!self->HasLog(env, "SharedSeat.commit")) return nullptr;
  const int length = arguments.Int(0, "length", 0, static_cast<int>(self->log_.length));
  double now = 0;
  if (!ReadTime(env, &arguments, 1, &now)) return nullptr;
  const int64_t bad = ReadRecords(self->log_.data, length, &self->scratch_.records);
  if (bad >= 0) {
    arguments.OutOfRange("there is no record at " + std::to_string(bad));
    return nullptr;
  }
  return Integer(env, self->state_->Commit(*self->seat_, &self->scratch_, now));
}

napi_value SharedSeat::Take(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.take", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  const Bytes target = arguments.Range(0, 0, "target");
  double now = 0;
  if (!ReadTime(env, &arguments, 3, &now) || !self->HasBlock(env, "SharedSeat.take")) return nullptr;
  const int taken = self->state_->Take(
      *self->seat_, {self->Block(), reinterpret_cast<char*>(target.data), target.length}, now);
  if (taken == State::kTakeTooLong) {
    arguments.OutOfRange("a record is longer than " + std::to_string(target.length) + " bytes");
    return nullptr;
  }
  return Integer(env, taken);
}

napi_value SharedSeat::Again(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.again", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  size_t size = 0;
  auto* const target = static_cast<char*>(arguments.View(0, "target", napi_uint8_array, &size));
  const int offset = arguments.Int(1, "offset", 0, INT_MAX);
  if (arguments.Failed()) return nullptr;
  const auto room = size - std::min<size_t>(offset, size);
  const size_t length = State::Again(*self->seat_, target + (size - room), room);
  if (length > room) {
    arguments.OutOfRange("offset " + std::to_string(offset) + " leaves no room for " +
                         std::to_string(length) + " bytes");
  }
  return nullptr;
}

napi_value SharedSeat::Poison(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  if (self->HasBlock(env, "SharedSeat.poison")) self->state_->Poison(*self->seat_, self->Block());
  return nullptr;
}

napi_value SharedSeat::LeaveAll(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.leaveAll", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  const int handle = arguments.Int(0, "handle", INT_MIN, INT_MAX);
  if (!arguments.Failed()) self->state_->LeaveAll(*self->seat_, handle);
  return nullptr;
}

napi_value SharedSeat::Retained(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  napi_value count = nullptr;
  napi_create_double(env, static_cast<SharedSeat*>(data)->state_->Retained(), &count);
  return count;
}

napi_value SharedSeat::Adopt(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Arguments arguments(env, info, "SharedSeat.adopt", &data);
  SharedSeat* const self = static_cast<SharedSeat*>(data);
  size_t handles_length = 0;
  const auto* const handles =
      static_cast<int32_t*>(arguments.View(0, "handles", napi_int32_array, &handles_length));
  const int count = arguments.Int(1, "count", 0, INT_MAX);
  size_t pending_length = 0;
  auto* const pending =
      static_cast<int32_t*>(arguments.View(2, "pending", napi_int32_array, &pending_length));
  if (!arguments.Failed() && std::min(handles_length, pending_length) < static_cast<size_t>(count)) {
    arguments.OutOfRange("handles and pending must have " + std::to_string(count) + " elements");
  }
  if (arguments.Failed() || !self->HasBlock(env, "SharedSeat.adopt")) return nullptr;
  std::vector<int32_t> copy(count);
  for (int index = 0; index < count; ++index) {
    copy[index] = __atomic_load_n(handles + index, __ATOMIC_RELAXED);
  }
  self->state_->Adopt(*self->seat_, copy, self->Block(), pending);
  return nullptr;
}

}  // namespace wasmpoll
