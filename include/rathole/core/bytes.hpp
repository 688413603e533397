#pragma once

#include <rathole/core/language.hpp>

#include <cstdint>
#include <span>

namespace rathole {

/// Read-only view of octets; never owns.
using byte_view = std::span<const std::uint8_t>;

/// Writable view of octets; never owns.
using byte_span = std::span<std::uint8_t>;

}  // namespace rathole
