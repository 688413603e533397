#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

namespace rathole::test {

/// Returns how many descriptors this program has open, with the one that is open for the count.
inline std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// Returns how many threads this program has.
inline std::size_t running_threads() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

}  // namespace rathole::test
