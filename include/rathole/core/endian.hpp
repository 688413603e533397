#pragma once

#include <rathole/core/bytes.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>

namespace rathole {

/// A number in the byte order `Order`, from or to memory of any alignment.
template <std::unsigned_integral T, std::endian Order>
struct stored_number {
  static T load(std::span<const std::uint8_t, sizeof(T)> in) {
    T value;
    std::memcpy(&value, in.data(), sizeof value);
    return convert(value);
  }

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

/// The little-endian number that `in` holds.
template <std::unsigned_integral T>
[[nodiscard]] T load_le(std::span<const std::uint8_t, sizeof(T)> in) {
  return stored_number<T, std::endian::little>::load(in);
}

/// Writes `value` to `out`, little-endian.
template <std::unsigned_integral T>
void store_le(T value, std::span<std::uint8_t, sizeof(T)> out) {
  stored_number<T, std::endian::little>::store(value, out);
}

/// The big-endian ("network order") number that `in` holds.
template <std::unsigned_integral T>
[[nodiscard]] T load_be(std::span<const std::uint8_t, sizeof(T)> in) {
  return stored_number<T, std::endian::big>::load(in);
}

/// Writes `value` to `out`, big-endian.
template <std::unsigned_integral T>
void store_be(T value, std::span<std::uint8_t, sizeof(T)> out) {
  stored_number<T, std::endian::big>::store(value, out);
}

}  // namespace rathole
