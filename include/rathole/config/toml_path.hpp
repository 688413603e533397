#pragma once

#include <rathole/config/toml_reader.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::config::detail {

/// Returns the path `name`, which may be relative to the folder of the configuration file.
inline std::string path_beside(const toml_reader& table, const std::string& name) {
  const std::filesystem::path main = table.log().origin().file();
  return (main.parent_path() / name).lexically_normal().string();
}

/// Reads a path that may be relative to the folder of the configuration file.
inline std::optional<std::string> read_path_beside(toml_reader& table, std::string_view key) {
  const auto name = table.string(key);
  if (!name) return std::nullopt;
  if (name->empty()) {
    table.reject(key, "an empty path", "name a file, or leave the key out");
    return std::nullopt;
  }
  return path_beside(table, *name);
}

}  // namespace rathole::config::detail
