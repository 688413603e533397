#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/parse.hpp>

#include <cerrno>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::config {

/// The octets of the file at `path`; more than `limits::file_size` are an error.
inline std::expected<std::string, std::string> read_file(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
  const auto cause = [] { return std::generic_category().message(errno); };
  if (!file) return std::unexpected(cause());

  std::string text;
  char chunk[4096];
  while (const auto count = std::fread(chunk, 1, sizeof chunk, file.get())) {
    text.append(chunk, count);
    if (text.size() > limits::file_size) return std::unexpected("larger than 16 MiB");
  }
  if (std::ferror(file.get())) return std::unexpected(cause());
  return text;
}

/// Reads and parses the file at `path`, see `parse`. A file that cannot be read is a problem at
/// its first character.
inline std::expected<config, std::vector<problem>> load(const std::string& path) {
  const auto text = read_file(path);
  if (text) return parse(*text, path);
  return std::unexpected(
      std::vector<problem>{{.file = path,
                            .what = "Failed to read the config \"" + path + "\": " + text.error(),
                            .remedy = "name a readable configuration file"}});
}

}  // namespace rathole::config
