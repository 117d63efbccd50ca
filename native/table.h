// A hash table of items that have their own links, which grows and shrinks a few buckets at a time: whoever
// holds a lock meanwhile never holds it for long. Knows hashes; must not know keys, and owns no item.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace wasmpoll {

// T has `T* next` and `uint64_t hash`, which are the table's while the item is in it.
template <typename T>
class Table {
 public:
  size_t size() const { return size_; }

  // The item with this hash for which `same` is true, or null.
  template <typename Same>
  T* Find(uint64_t hash, Same same) const {
    if (size_ == 0) return nullptr;
    for (T* item = *now_.Bucket(hash); item != nullptr; item = item->next) {
      if (item->hash == hash && same(*item)) return item;
    }
    if (old_.count == 0) return nullptr;
    for (T* item = *old_.Bucket(hash); item != nullptr; item = item->next) {
      if (item->hash == hash && same(*item)) return item;
    }
    return nullptr;
  }

  void Insert(T* item) {
    if (now_.count == 0) now_ = Buckets(kLeast);
    Step();
    if (size_ >= now_.count && old_.count == 0) Resize(now_.count * 2);
    Link(now_, item);
    ++size_;
  }

  // The item must be in the table.
  void Remove(T* item) {
    Step();
    if (!Unlink(now_, item)) Unlink(old_, item);
    --size_;
    if (now_.count > kLeast && size_ < now_.count / 8 && old_.count == 0) Resize(now_.count / 4);
  }

  // `use` must leave the table alone.
  template <typename Use>
  void ForEach(Use use) const {
    for (const Buckets* buckets : {&now_, &old_}) {
      for (size_t index = 0; index < buckets->count; ++index) {
        for (T* item = buckets->first.get()[index]; item != nullptr; item = item->next) use(item);
      }
    }
  }

  // `use` may delete the item.
  template <typename Use>
  void Clear(Use use) {
    for (const Buckets* buckets : {&now_, &old_}) {
      for (size_t index = 0; index < buckets->count; ++index) {
        T* item = buckets->first.get()[index];
        while (item != nullptr) {
          T* const next = item->next;
          use(item);
          item = next;
        }
      }
    }
    now_ = Buckets();
    old_ = Buckets();
    size_ = 0;
  }

 private:
  static constexpr size_t kLeast = 16;
  // Enough that all are moved before the table wants to be resized again.
  static constexpr size_t kMoves = 8;

  struct Free {
    void operator()(T** first) const { std::free(first); }
  };

  struct Buckets {
    Buckets() = default;
    // A power of two. Memory from calloc is zeroed by the kernel, page by page as it is used.
    explicit Buckets(size_t size) : count(size) {
      first.reset(static_cast<T**>(std::calloc(size, sizeof(T*))));
      if (!first) std::abort();
    }
    T** Bucket(uint64_t hash) const { return first.get() + (hash & (count - 1)); }

    size_t count = 0;
    std::unique_ptr<T*, Free> first;
  };

  static void Link(const Buckets& buckets, T* item) {
    T** const bucket = buckets.Bucket(item->hash);
    item->next = *bucket;
    *bucket = item;
  }
  static bool Unlink(const Buckets& buckets, T* item) {
    if (buckets.count == 0) return false;
    for (T** link = buckets.Bucket(item->hash); *link != nullptr; link = &(*link)->next) {
      if (*link != item) continue;
      *link = item->next;
      return true;
    }
    return false;
  }

  void Resize(size_t count) {
    old_ = std::move(now_);
    now_ = Buckets(count);
    moved_ = 0;
  }
  void Step() {
    for (size_t move = 0; move < kMoves && old_.count != 0; ++move) {
      T* item = std::exchange(old_.first.get()[moved_], nullptr);
      while (item != nullptr) {
        T* const next = item->next;
        Link(now_, item);
        item = next;
      }
      if (++moved_ == old_.count) old_ = Buckets();
    }
  }

  Buckets now_;
  // What is not moved yet.
  Buckets old_;
  size_t moved_ = 0;
  size_t size_ = 0;
};

}  // namespace wasmpoll
