// One State for each server, and who finds it.
#include "shared.h"

#include <map>
#include <string>

#include "arguments.h"
#include "error.h"
#include "ownership.h"
#include "shared_seat.h"

namespace wasmpoll {
namespace {

constexpr double kMostBytes = 9007199254740991;

// By number. Never destroyed: threads may still run when the process ends.
struct States {
  std::mutex lock;
  std::map<int, std::weak_ptr<State>> states;
  int last = 0;
};

States& Table() {
  static States& states = *new States;
  return states;
}

int Enter(const std::shared_ptr<State>& state) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  table.states[++table.last] = state;
  return table.last;
}

void Remove(int id) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  table.states.erase(id);
}

std::shared_ptr<State> FindState(int id) {
  States& table = Table();
  const std::lock_guard<std::mutex> guard(table.lock);
  const auto found = table.states.find(id);
  return found == table.states.end() ? nullptr : found->second.lock();
}

int SeatNumber(Arguments* arguments, size_t index, int least) {
  return arguments->Int(index, "seat", least, kSeats - 1);
}

double Limit(Arguments* arguments, const Napi::CallbackInfo& info, const char* name, double most) {
  if (arguments->Failed()) return 0;
  napi_value value = nullptr;
  double number = 0;
  if (napi_get_named_property(info.Env(), info[0], name, &value) != napi_ok ||
      napi_get_value_double(info.Env(), value, &number) != napi_ok) {
    if (!info.Env().IsExceptionPending()) arguments->WrongType(0, "limits", "an object of numbers");
    return 0;
  }
  if (!(number >= 0 && number <= most)) {
    arguments->OutOfRange(std::string(name) + " must be a number from 0 to " +
                          std::to_string(static_cast<int64_t>(most)));
  }
  return number;
}

Napi::Value SeatOf(Napi::Env env, Arguments* arguments, std::shared_ptr<State> state, int number) {
  std::shared_ptr<Seat> seat = state->At(number);
  if (seat == nullptr) {
    arguments->OutOfRange("seat " + std::to_string(number) + " is not open");
    return {};
  }
  return SharedSeat::New(env, std::move(state), std::move(seat));
}

// The seat of a state that another thread has made.
Napi::Value FindSeat(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "seat");
  const int id = arguments.Int(0, "id", 1, INT_MAX);
  const int number = SeatNumber(&arguments, 1, 0);
  if (arguments.Failed()) return {};
  std::shared_ptr<State> state = FindState(id);
  if (state == nullptr) {
    arguments.OutOfRange("nothing shared has the id " + std::to_string(id));
    return {};
  }
  return SeatOf(info.Env(), &arguments, std::move(state), number);
}

}  // namespace

void Shared::Register(Napi::Env env, Napi::Object exports) {
  exports.Set("Shared", DefineClass(env, "Shared",
                                    {
                                        InstanceMethod<&Shared::Open>("open"),
                                        InstanceMethod<&Shared::Close>("close"),
                                        InstanceMethod<&Shared::GetSeat>("seat"),
                                        InstanceMethod<&Shared::RouteStore>("routeStore"),
                                        InstanceMethod<&Shared::RoutePublishes>("routePublishes"),
                                        InstanceMethod<&Shared::Reply>("reply"),
                                        InstanceMethod<&Shared::Count>("count"),
                                        InstanceMethod<&Shared::Release>("release"),
                                    }));
  exports.Set("seat", Napi::Function::New<FindSeat>(env, "seat"));
}

Shared::Shared(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Shared>(info) {
  Arguments arguments(info, "Shared");
  if (!info[0].IsObject()) arguments.WrongType(0, "limits", "an object");
  const State::Limits limits{
      Limit(&arguments, info, "groupBytes", kMostBytes),
      Limit(&arguments, info, "queueBytes", kMostBytes),
      Limit(&arguments, info, "storeBytes", kMostBytes),
      static_cast<int>(Limit(&arguments, info, "maxJoins", INT_MAX)),
  };
  // A getter may have thrown.
  if (arguments.Failed() || info.Env().IsExceptionPending()) return;
  state_ = std::make_shared<State>(limits);
  id_ = Enter(state_);
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("id", Integer(info.Env(), id_), napi_enumerable));
}

Shared::~Shared() {
  if (state_ == nullptr) return;
  Remove(id_);
  // Whoever made it is gone; threads that still have a seat find it closed.
  state_->Release();
}

void Shared::Open(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.open");
  const int seat = SeatNumber(&arguments, 0, 0);
  const int fd = arguments.Int(1, "eventFd", -1, INT_MAX);
  if (arguments.Failed()) return;
  if (!state_->Open(seat, fd, CloseOwned)) {
    return arguments.OutOfRange("seat " + std::to_string(seat) + " is open");
  }
  // It does not end with the thread that made it.
  if (fd >= 0) Disown(fd);
}

void Shared::Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.close");
  const int seat = SeatNumber(&arguments, 0, 0);
  if (!arguments.Failed()) state_->Close(seat);
}

Napi::Value Shared::GetSeat(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.seat");
  const int seat = SeatNumber(&arguments, 0, 0);
  return arguments.Failed() ? Napi::Value() : SeatOf(info.Env(), &arguments, state_, seat);
}

void Shared::RouteStore(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.routeStore");
  const int seat = SeatNumber(&arguments, 0, -1);
  if (!arguments.Failed()) state_->RouteStore(seat);
}

void Shared::RoutePublishes(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.routePublishes");
  const int seat = SeatNumber(&arguments, 0, -1);
  if (!arguments.Failed()) state_->RoutePublishes(seat);
}

void Shared::Reply(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.reply");
  const int seat = SeatNumber(&arguments, 0, 0);
  const int handle = arguments.Int(1, "handle", INT_MIN, INT_MAX);
  const int tag = arguments.Int(2, "tag", INT_MIN, INT_MAX);
  const int status = arguments.Int(3, "status", INT_MIN, INT_MAX);
  size_t length = 0;
  const auto* const bytes =
      static_cast<const char*>(arguments.View(4, "bytes", napi_uint8_array, &length));
  if (!arguments.Failed() && length > INT_MAX) arguments.OutOfRange("bytes are too many");
  if (arguments.Failed()) return;
  state_->Answer(seat, handle, tag, status, {bytes, length});
}

void Shared::Count(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Shared.count");
  size_t length = 0;
  auto* const columns =
      static_cast<double*>(arguments.View(0, "columns", napi_float64_array, &length));
  if (!arguments.Failed() && length < kCounts) {
    arguments.OutOfRange("columns must have " + std::to_string(kCounts) + " elements");
  }
  if (!arguments.Failed()) state_->Count(columns);
}

void Shared::Release(const Napi::CallbackInfo&) {
  Remove(id_);
  state_->Release();
}

}  // namespace wasmpoll
