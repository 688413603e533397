#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace rathole {

/// A view of bytes for reading; it never owns them.
using byte_view = std::span<const std::uint8_t>;

/// A view of bytes for writing; it never owns them.
using byte_span = std::span<std::uint8_t>;

/// Returns a view of the bytes of `text`.
inline byte_view byte_view_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace rathole
