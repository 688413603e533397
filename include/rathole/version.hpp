#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <string_view>

namespace rathole {

/// The version of the library and of its program (Semantic Versioning).
inline constexpr std::string_view version = "0.1.0";

}  // namespace rathole
