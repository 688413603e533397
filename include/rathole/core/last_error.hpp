#pragma once

#include <cerrno>
#include <system_error>

namespace rathole {

/// Returns `errno`, the reason why the last system call of this thread failed, as an error of the
/// system category. Must be called before another call can change it.
inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }

}  // namespace rathole
