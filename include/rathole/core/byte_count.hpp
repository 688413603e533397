#pragma once

#include <atomic>
#include <cstdint>

namespace rathole {

/// A number of bytes that one thread increases and any thread may read. It costs no more than a plain
/// number.
class byte_count {
 public:
  /// Makes a count of `value`.
  byte_count(std::uint64_t value = 0) : value_(value) {}
  /// Copies the present value.
  byte_count(const byte_count& other) : value_(other) {}
  /// Copies the present value.
  byte_count& operator=(const byte_count& other) {
    value_.store(other, std::memory_order_relaxed);
    return *this;
  }

  /// Returns the present value.
  operator std::uint64_t() const { return value_.load(std::memory_order_relaxed); }

  /// Adds `more`. One thread at a time may call it.
  byte_count& operator+=(std::uint64_t more) {
    value_.store(*this + more, std::memory_order_relaxed);
    return *this;
  }

 private:
  std::atomic<std::uint64_t> value_;
};

}  // namespace rathole
