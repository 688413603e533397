#pragma once

#include <rathole/core/time.hpp>

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <limits>
#include <system_error>

namespace rathole::io {

/// Returns how many descriptors the process may have open now (the soft RLIMIT_NOFILE); the largest
/// number if there is no limit.
inline std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<std::size_t>::max();
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

/// The longest pause before a retry after descriptors ran out; it is short because one may be
/// freed at any time.
inline constexpr duration shortage_pause = std::chrono::milliseconds(100);

/// Returns whether `error` says that the process (EMFILE) or the system (ENFILE) has no descriptor
/// left.
inline bool out_of_descriptors(std::error_code error) {
  return error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system;
}

}  // namespace rathole::io
