#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <span>

namespace rathole {

/// Views bytes for reading; never owns them.
using byte_view = std::span<const std::uint8_t>;

/// Views bytes for writing; never owns them.
using byte_span = std::span<std::uint8_t>;

}  // namespace rathole
