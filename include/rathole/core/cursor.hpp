#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>

namespace rathole {

/// Reads fields from the front of a view. Reading past the end makes the cursor fail for good:
/// from then on every field is zero, and `ok()` is false. So a decoder reads all its fields and
/// asks once.
class cursor {
 public:
  explicit cursor(byte_view in) : rest_(in) {}

  /// The next octet.
  std::uint8_t octet() { return number_le<std::uint8_t>(); }

  /// The next number, little-endian.
  template <std::unsigned_integral T>
  T number_le() {
    return load_le<T>(octets<sizeof(T)>());
  }

  /// The next `N` octets.
  template <std::size_t N>
  std::array<std::uint8_t, N> octets() {
    std::array<std::uint8_t, N> out{};
    const byte_view in = view(N);
    std::copy(in.begin(), in.end(), out.begin());
    return out;
  }

  /// The next `count` octets, not copied; empty if there are fewer.
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

  /// What has not been read.
  [[nodiscard]] byte_view rest() const { return rest_; }

  /// False once a field went past the end.
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  byte_view rest_;
  bool ok_ = true;
};

}  // namespace rathole
