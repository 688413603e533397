#pragma once

#include <rathole/core/read_file.hpp>

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace rathole::test {

/// Returns the content of a regular file of at most 16 MiB; throws if it cannot be read.
inline std::string file_text(const std::filesystem::path& path) {
  auto text = read_file(path.string(), {.size = std::size_t{16} << 20});
  if (!text) throw std::runtime_error(path.string() + ": " + text.error());
  return std::move(*text);
}

}  // namespace rathole::test
