// A message: one block for all who wait for it, in whatever seat. Its topic and data never change. Knows
// bytes; must not know who gets them.
#pragma once

#include <cstring>
#include <string_view>

#include "ref.h"

namespace wasmpoll {

struct Message {
  std::atomic<uint32_t> refs{1};
  // It has ended a guest.
  std::atomic<bool> poisoned{false};
  // To whom it is not given; −1 for nobody.
  int32_t others_seat = -1;
  int32_t others_handle = 0;
  uint32_t topic_length = 0;
  uint32_t data_length = 0;
  // Of the topic.
  uint64_t hash = 0;

  static Ref<Message> Make(std::string_view topic, std::string_view data) {
    auto* const message = new (::operator new(sizeof(Message) + topic.size() + data.size())) Message;
    message->topic_length = static_cast<uint32_t>(topic.size());
    message->data_length = static_cast<uint32_t>(data.size());
    char* const bytes = reinterpret_cast<char*>(message + 1);
    if (!topic.empty()) memcpy(bytes, topic.data(), topic.size());
    if (!data.empty()) memcpy(bytes + topic.size(), data.data(), data.size());
    return Ref<Message>::Own(message);
  }

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  size_t length() const { return size_t{topic_length} + data_length; }
  std::string_view topic() const { return {bytes(), topic_length}; }
  bool Excludes(int seat, int handle) const {
    return others_seat == seat && others_handle == handle;
  }
};

}  // namespace wasmpoll
