#pragma once

#include <rathole/core/file_identity.hpp>

#include <algorithm>
#include <array>
#include <filesystem>

namespace rathole::config {

/// What is wrong with a file that `is_own_output`.
inline constexpr const char* own_output_problem = "the program writes its own output to this file";
/// How to correct `own_output_problem`.
inline constexpr const char* own_output_remedy =
    "redirect the output to another file, or name another one here";

/// Returns whether the file at `path` is the regular file to which the standard output or the standard error of
/// this process goes. A configuration that depended on it would change by each line about its own changes.
inline bool is_own_output(const std::filesystem::path& path) {
  const auto file = identity_of(path);
  if (!file || file->size < 0) return false;
  // stdout(3): the descriptors 1 and 2.
  constexpr std::array descriptors = {1, 2};
  return std::ranges::any_of(descriptors, [&file](int descriptor) {
    const auto output = identity_of_open(descriptor);
    return output && output->device == file->device && output->inode == file->inode;
  });
}

}  // namespace rathole::config
