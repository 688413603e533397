#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace rathole::io {

/// Provides memory for one Asio operation at a time, so that starting the operation cannot fail for
/// lack of memory. It must outlive the operation. A second operation at the same time, or one that
/// is too large, uses the heap.
class handler_memory {
 public:
  /// Makes memory that is not in use.
  handler_memory() = default;
  handler_memory(const handler_memory&) = delete;
  handler_memory& operator=(const handler_memory&) = delete;

  /// Returns memory of `size` bytes. Throws `std::bad_alloc` only if the heap is needed.
  void* allocate(std::size_t size) {
    if (in_use_ || size > sizeof storage_) return ::operator new(size);
    in_use_ = true;
    return storage_;
  }

  /// Frees memory that `allocate` returned.
  void deallocate(void* at) {
    if (at != storage_) return ::operator delete(at);
    in_use_ = false;
  }

 private:
  alignas(std::max_align_t) std::byte storage_[256];
  bool in_use_ = false;
};

/// The associated allocator of a handler that `memory_bound` wraps. `P` points to its
/// `handler_memory`: a raw pointer if the memory outlives the operation in any case, otherwise a
/// `std::shared_ptr` that keeps it alive.
template <class T, class P>
class handler_allocator {
 public:
  /// The type of the allocated objects.
  using value_type = T;

  /// Makes an allocator that uses `from`.
  explicit handler_allocator(P from) noexcept : memory_(std::move(from)) {}
  /// Converts from an allocator of another type for the same memory.
  template <class U>
  handler_allocator(const handler_allocator<U, P>& other) noexcept : memory_(other.memory_) {}

  /// Allocates memory for `count` objects.
  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(sizeof(T) * count)); }
  /// Frees memory that `allocate` returned.
  void deallocate(T* at, std::size_t) { memory_->deallocate(at); }

  /// Returns whether both allocators use the same memory.
  template <class U>
  bool operator==(const handler_allocator<U, P>& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class, class>
  friend class handler_allocator;

  P memory_;
};

/// Wraps a handler so that its Asio operation is stored in a `handler_memory`.
template <class P, class F>
class memory_bound {
 public:
  /// The allocator that Asio uses.
  using allocator_type = handler_allocator<void, P>;

  /// Wraps `work`, with an operation in `memory`.
  memory_bound(P memory, F work) : memory_(std::move(memory)), work_(std::move(work)) {}
  /// Copies the handler; both refer to the same memory.
  memory_bound(const memory_bound&) = default;
  /// Moves the handler. `other` still refers to the memory: if an operation cannot be started, Asio
  /// frees it by the allocator of the handler that it was made from and that has been moved from.
  memory_bound(memory_bound&& other) : memory_(other.memory_), work_(std::move(other.work_)) {}

  /// Returns the allocator that Asio uses.
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(memory_); }

  /// Calls the handler.
  template <class... Args>
  void operator()(Args&&... args) {
    work_(std::forward<Args>(args)...);
  }

 private:
  P memory_;
  F work_;
};

}  // namespace rathole::io
