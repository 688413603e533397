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

/// Reads and parses the file at `path`, see `read`. A file that cannot be read is a problem without
/// a position.
inline std::expected<document, std::vector<problem>> load_document(const std::string& path,
                                                                   log_check check_log = nullptr) {
  const auto text = read_file(path);
  if (text) return read(*text, path, check_log);
  return std::unexpected(
      std::vector<problem>{{.file = path,
                            .what = "Failed to read the config \"" + path + "\": " + text.error(),
                            .remedy = "name a readable configuration file"}});
}

/// As `load_document`, without the warnings of what can be used.
inline std::expected<config, std::vector<problem>> load(const std::string& path) {
  auto out = load_document(path);
  if (!out) return std::unexpected(std::move(out.error()));
  return std::move(out->settings);
}

}  // namespace rathole::config
