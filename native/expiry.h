// What ends when: a heap with one place for each item, which moves when its end does. Knows times; must not
// know what the items are, and owns none.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace wasmpoll {

// T has `double expires`, where 0 is never, and `size_t place`, which is the heap's.
template <typename T>
class Expiry {
 public:
  // The first one to end, or null.
  T* First() const { return heap_.empty() ? nullptr : heap_.front(); }

  void Set(T* item, double expires) {
    const bool had = item->expires != 0;
    item->expires = expires;
    if (expires == 0) {
      if (had) Take(item->place);
    } else {
      if (!had) {
        item->place = heap_.size();
        heap_.push_back(item);
      }
      Settle(item->place);
    }
  }

 private:
  void Take(size_t place) {
    T* const last = heap_.back();
    heap_.pop_back();
    if (heap_.size() < heap_.capacity() / 4) heap_.shrink_to_fit();
    if (place == heap_.size()) return;
    Put(place, last);
    Settle(place);
  }
  void Put(size_t place, T* item) {
    heap_[place] = item;
    item->place = place;
  }
  void Swap(size_t one, size_t other) {
    T* const item = heap_[one];
    Put(one, heap_[other]);
    Put(other, item);
  }
  // Moves the item in this place up or down to where it belongs.
  void Settle(size_t place) {
    while (place > 0 && heap_[place]->expires < heap_[(place - 1) / 2]->expires) {
      Swap(place, (place - 1) / 2);
      place = (place - 1) / 2;
    }
    for (;;) {
      size_t least = place;
      for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size(); ++child) {
        if (heap_[child]->expires < heap_[least]->expires) least = child;
      }
      if (least == place) return;
      Swap(place, least);
      place = least;
    }
  }

  std::vector<T*> heap_;
};

}  // namespace wasmpoll
