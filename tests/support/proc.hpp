#pragma once

#include "process.hpp"

#include <sys/resource.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace rathole::test {

/// Returns how many descriptors a program has open.
inline std::size_t open_descriptors(const process& program) {
  const std::filesystem::path folder = "/proc/" + std::to_string(program.pid()) + "/fd";
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// Returns how many threads a program has.
inline std::size_t threads_of(const process& program) {
  const std::filesystem::path folder = "/proc/" + std::to_string(program.pid()) + "/task";
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// Returns how many threads of a program have this nice value.
inline int threads_with_nice(const process& program, int wanted) {
  int out = 0;
  const std::filesystem::path folder = "/proc/" + std::to_string(program.pid()) + "/task";
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    out +=
        ::getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoi(each.path().filename()))) == wanted;
  }
  return out;
}

/// Whether the build has a sanitizer, which makes everything slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// Whether memory can be measured: sanitizers keep freed memory.
inline constexpr bool memory_counts = !sanitized;

/// Returns a program's anonymous memory in KiB: what it allocated, without the code and data of
/// files.
inline long anonymous_memory(const process& program) {
  std::ifstream rollup("/proc/" + std::to_string(program.pid()) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);)
    if (line.starts_with("Anonymous:")) return std::stol(line.substr(10));
  throw std::runtime_error("no Anonymous in smaps_rollup");
}

}  // namespace rathole::test
