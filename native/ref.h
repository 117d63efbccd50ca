// A pointer that counts, to blocks of bytes which several queues and threads hold at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace wasmpoll {

// T starts with a count of 1, `std::atomic<uint32_t> refs`, and lies in memory from operator new, with
// bytes behind it.
template <typename T>
class Ref {
 public:
  Ref() = default;
  // Takes over the count that the block was made with.
  static Ref Own(T* block) {
    Ref ref;
    ref.block_ = block;
    return ref;
  }
  Ref(const Ref& other) : block_(other.block_) {
    if (block_ != nullptr) block_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Ref(Ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Ref() {
    if (block_ == nullptr || block_->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block_->~T();
    ::operator delete(block_);
  }

  T* get() const { return block_; }
  T* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  T* block_ = nullptr;
};

}  // namespace wasmpoll
