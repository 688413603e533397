#pragma once

#include <rathole/core/bytes.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>

namespace rathole {

/// Converts a number between the host's byte order and the byte order `Order` in memory of any
/// alignment.
template <std::unsigned_integral T, std::endian Order>
struct stored_number {
  /// Returns the number that is stored in `in`.
  static T load(std::span<const std::uint8_t, sizeof(T)> in) {
    T value;
    std::memcpy(&value, in.data(), sizeof value);
    return convert(value);
  }

  /// Stores `value` in `out`.
  static void store(T value, std::span<std::uint8_t, sizeof(T)> out) {
    value = convert(value);
    std::memcpy(out.data(), &value, sizeof value);
  }

 private:
  static T convert(T value) {
    if constexpr (sizeof(T) > 1 && Order != std::endian::native) return std::byteswap(value);
    return value;
  }
};

/// Returns the little-endian number that is stored in `in`.
template <std::unsigned_integral T>
[[nodiscard]] T load_le(std::span<const std::uint8_t, sizeof(T)> in) {
  return stored_number<T, std::endian::little>::load(in);
}

/// Stores `value` in `out`, little-endian.
template <std::unsigned_integral T>
void store_le(T value, std::span<std::uint8_t, sizeof(T)> out) {
  stored_number<T, std::endian::little>::store(value, out);
}

/// Returns the big-endian ("network byte order") number that is stored in `in`.
template <std::unsigned_integral T>
[[nodiscard]] T load_be(std::span<const std::uint8_t, sizeof(T)> in) {
  return stored_number<T, std::endian::big>::load(in);
}

/// Stores `value` in `out`, big-endian.
template <std::unsigned_integral T>
void store_be(T value, std::span<std::uint8_t, sizeof(T)> out) {
  stored_number<T, std::endian::big>::store(value, out);
}

}  // namespace rathole
