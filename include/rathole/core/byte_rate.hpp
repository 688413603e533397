#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole {

namespace detail {

/// The units of a `byte_rate_text`, in bytes: those of IEC 80000-13, and those of the SI.
inline constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> byte_units = {{
    {"GiB", std::uint64_t{1} << 30},
    {"MiB", std::uint64_t{1} << 20},
    {"KiB", std::uint64_t{1} << 10},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"B", 1},
}};

}  // namespace detail

/// Returns the bytes in a second that a text such as `10 MiB/s` says: a whole number, a unit, which is `B`,
/// `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`, and `/s`. A blank may be between number and unit. Returns nothing if
/// `text` is anything else, or the rate does not fit.
inline std::optional<std::uint64_t> parse_byte_rate(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (!text.ends_with("/s")) return std::nullopt;
  text.remove_suffix(2);
  for (const auto& [name, size] : detail::byte_units) {
    if (text != name) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / size) return std::nullopt;
    return number * size;
  }
  return std::nullopt;
}

/// Returns a rate in the largest unit of IEC 80000-13 that divides it: `10 MiB/s`.
inline std::string byte_rate_text(std::uint64_t rate) {
  for (const auto& [name, size] : detail::byte_units) {
    const bool is_binary = name.contains('i') || size == 1;
    if (is_binary && rate % size == 0 && (rate != 0 || size == 1)) {
      return std::to_string(rate / size) + ' ' + std::string(name) + "/s";
    }
  }
  return {};
}

}  // namespace rathole
