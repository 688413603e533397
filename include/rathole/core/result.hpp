#pragma once

#include <rathole/core/error.hpp>

#include <expected>
#include <system_error>

namespace rathole {

/// A value, or the error because of which there is none.
template <class T>
using result = std::expected<T, std::error_code>;

/// Returns `ec` as the failed side of any `result`.
inline std::unexpected<std::error_code> failure(std::error_code ec) { return std::unexpected(ec); }

}  // namespace rathole
