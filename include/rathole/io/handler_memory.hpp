#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace rathole::io {

/// Memory for one operation of Asio's at a time, so that starting the operation never fails for want
/// of memory. It outlives the operation. A second operation at the same time, or one that is too
/// large, gets memory of the heap.
class handler_memory {
 public:
  handler_memory() = default;
  handler_memory(const handler_memory&) = delete;
  handler_memory& operator=(const handler_memory&) = delete;

  void* allocate(std::size_t size) {
    if (in_use_ || size > sizeof storage_) return ::operator new(size);
    in_use_ = true;
    return storage_;
  }

  void deallocate(void* at) {
    if (at != storage_) return ::operator delete(at);
    in_use_ = false;
  }

 private:
  alignas(std::max_align_t) std::byte storage_[256];
  bool in_use_ = false;
};

/// The allocator that Asio takes from a handler of `in_memory`. `P` points to a `handler_memory`, and
/// owns it where the memory would not outlive the operation otherwise.
template <class T, class P>
class handler_allocator {
 public:
  using value_type = T;

  explicit handler_allocator(P from) noexcept : memory_(std::move(from)) {}
  template <class U>
  handler_allocator(const handler_allocator<U, P>& other) noexcept : memory_(other.memory_) {}

  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(sizeof(T) * count)); }
  void deallocate(T* at, std::size_t) { memory_->deallocate(at); }

  template <class U>
  bool operator==(const handler_allocator<U, P>& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class, class>
  friend class handler_allocator;

  P memory_;
};

/// A handler whose operation lies in a `handler_memory`.
template <class P, class F>
class in_memory {
 public:
  using allocator_type = handler_allocator<void, P>;

  in_memory(P memory, F work) : memory_(std::move(memory)), work_(std::move(work)) {}

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(memory_); }

  template <class... Args>
  void operator()(Args&&... args) {
    work_(std::forward<Args>(args)...);
  }

 private:
  P memory_;
  F work_;
};

}  // namespace rathole::io
