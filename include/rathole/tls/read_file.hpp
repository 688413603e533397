#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <system_error>

namespace rathole::tls {

/// The octets of the file at `path`, which is one of keys or certificates; or why there are none,
/// in words. More than 4 MiB are an error.
inline std::expected<std::string, std::string> read_file(const std::string& path) {
  constexpr std::size_t most = 4 * 1024 * 1024;
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
  const auto cause = [] { return std::generic_category().message(errno); };
  if (!file) return std::unexpected(cause());

  std::string out;
  char chunk[4096];
  while (const auto count = std::fread(chunk, 1, sizeof chunk, file.get())) {
    out.append(chunk, count);
    if (out.size() > most) return std::unexpected("larger than 4 MiB");
  }
  if (std::ferror(file.get())) return std::unexpected(cause());
  return out;
}

}  // namespace rathole::tls
