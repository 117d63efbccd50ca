// A seat as a JavaScript object of the thread that has it. Knows the log and the block of that thread; must
// not know what becomes of records.
#pragma once

#include <memory>

#include <napi.h>

#include "bound.h"
#include "state.h"

namespace wasmpoll {

class SharedSeat {
 public:
  static Napi::Value New(Napi::Env env, std::shared_ptr<State> state, std::shared_ptr<Seat> seat);

 private:
  SharedSeat(std::shared_ptr<State> state, std::shared_ptr<Seat> seat)
      : state_(std::move(state)), seat_(std::move(seat)) {}

  static napi_value Bind(napi_env env, napi_callback_info info);
  static napi_value Check(napi_env env, napi_callback_info info);
  static napi_value Commit(napi_env env, napi_callback_info info);
  static napi_value Take(napi_env env, napi_callback_info info);
  static napi_value Again(napi_env env, napi_callback_info info);
  static napi_value Poison(napi_env env, napi_callback_info info);
  static napi_value LeaveAll(napi_env env, napi_callback_info info);
  static napi_value Retained(napi_env env, napi_callback_info info);
  static napi_value Adopt(napi_env env, napi_callback_info info);

  // Leave an exception pending if the memory is gone.
  bool HasLog(napi_env env, const char* function) const { return Has(env, log_, function, "log"); }
  bool HasBlock(napi_env env, const char* function) const {
    return Has(env, block_, function, "block");
  }
  static bool Has(napi_env env, const Bound& bound, const char* function, const char* name);
  int32_t* Block() const { return reinterpret_cast<int32_t*>(block_.data); }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<Seat> seat_;
  Bound log_;
  Bound block_;
  State::Scratch scratch_;
};

}  // namespace wasmpoll
