#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <span>

namespace rathole {

/// A view of bytes for reading; it never owns them.
using byte_view = std::span<const std::uint8_t>;

/// A view of bytes for writing; it never owns them.
using byte_span = std::span<std::uint8_t>;

}  // namespace rathole
