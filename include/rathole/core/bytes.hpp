#pragma once

#include <rathole/core/language.hpp>

#include <cstdint>
#include <span>

namespace rathole {

/// Views bytes for reading; never owns them.
using byte_view = std::span<const std::uint8_t>;

/// Views bytes for writing; never owns them.
using byte_span = std::span<std::uint8_t>;

}  // namespace rathole
