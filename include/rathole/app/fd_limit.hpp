#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>

#include <sys/resource.h>

#include <cstdint>
#include <limits>

namespace rathole::app {

/// Returns how many descriptors the process can have after `raise_fd_limit` (the hard RLIMIT_NOFILE);
/// the largest number if there is no limit, or if it is not known.
inline std::uint64_t highest_fd_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::uint64_t>::max();
  return std::uint64_t{limit.rlim_max};
}

/// Raises the soft limit of open descriptors to the hard limit, because each connection needs two
/// or more. Returns the resulting limit (RLIM_INFINITY is the largest number). Fails with the
/// system's error.
inline result<std::uint64_t> raise_fd_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return failure(last_error());
  if (limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return failure(last_error());
  }
  return std::uint64_t{limit.rlim_cur};
}

}  // namespace rathole::app
