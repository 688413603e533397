#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>

namespace rathole {

/// Reads fields from the front of a view. If a read goes past the end, the cursor fails
/// permanently: every further field is zero and `ok()` is false. A decoder can therefore read all
/// its fields and check once.
class cursor {
 public:
  /// Makes a cursor at the front of `in`, which must outlive it.
  explicit cursor(byte_view in) : rest_(in) {}

  /// Reads the next byte.
  std::uint8_t byte() { return number_le<std::uint8_t>(); }

  /// Reads the next little-endian number.
  template <std::unsigned_integral T>
  T number_le() {
    return load_le<T>(bytes<sizeof(T)>());
  }

  /// Reads the next `N` bytes.
  template <std::size_t N>
  std::array<std::uint8_t, N> bytes() {
    std::array<std::uint8_t, N> out{};
    const byte_view in = view(N);
    std::copy(in.begin(), in.end(), out.begin());
    return out;
  }

  /// Returns a view of the next `count` bytes without copying them; empty if fewer are left.
  byte_view view(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const byte_view out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }

  /// Returns the bytes that have not been read.
  [[nodiscard]] byte_view rest() const { return rest_; }

  /// Returns false once a read went past the end.
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  byte_view rest_;
  bool ok_ = true;
};

}  // namespace rathole
