#pragma once

#include <rathole/core/read_file.hpp>
#include <rathole/tls/pem_certificates.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::tls {

/// The largest file of keys or certificates, in bytes.
inline constexpr std::size_t largest_file = std::size_t{4} << 20;

/// Where the environment says that the machine's trusted certificates are. Both variables mean what
/// they mean to OpenSSL, and hence to upstream: each takes the place of one of two default places,
/// which on Debian hold the same certificates; so they replace those of the machine only together.
struct environment_roots {
  /// `SSL_CERT_FILE`: a PEM file.
  std::optional<std::string> file = {};
  /// `SSL_CERT_DIR`: directories, separated by colons, as `openssl rehash` prepares them.
  std::vector<std::string> folders = {};

  [[nodiscard]] bool replace_defaults() const { return file && !folders.empty(); }
};

/// Returns what the two variables say now; an empty one counts as unset, and in a program that runs
/// with more rights than its user both do.
inline environment_roots read_environment_roots() {
  environment_roots out;
  const auto value_of = [](const char* name) -> std::string_view {
    const char* const text = ::secure_getenv(name);
    return text ? text : "";
  };
  if (const auto file = value_of("SSL_CERT_FILE"); !file.empty()) out.file = std::string(file);
  for (std::string_view rest = value_of("SSL_CERT_DIR"); !rest.empty();) {
    const auto colon = std::min(rest.find(':'), rest.size());
    if (colon > 0) out.folders.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return out;
}

namespace detail {

/// Whether OpenSSL would look at a file of this name in a directory of certificates: eight
/// hexadecimal digits, a dot and a number.
inline bool is_hashed_name(std::string_view name) {
  constexpr std::size_t hash_size = 8;
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view hex = "0123456789abcdef";
  return name.size() > hash_size + 1 &&
         name.substr(0, hash_size).find_first_not_of(hex) == name.npos && name[hash_size] == '.' &&
         name.substr(hash_size + 1).find_first_not_of(digits) == name.npos;
}

inline std::expected<std::vector<std::vector<std::uint8_t>>, std::string> read_roots_file(
    const std::string& path) {
  const auto text = read_file(path, {.size = largest_file});
  if (!text) return std::unexpected("the file cannot be read: " + text.error());
  return read_pem_certificates(*text);
}

}  // namespace detail

/// Returns the certificates in those places, in DER; what cannot be read is left out, as OpenSSL does.
/// Of a directory at most 4096 files are read.
inline std::vector<std::vector<std::uint8_t>> load_roots(const environment_roots& from) {
  constexpr std::size_t most_files = 4096;
  std::vector<std::vector<std::uint8_t>> out;
  const auto add = [&out](const std::string& path) {
    auto read = detail::read_roots_file(path);
    if (!read) return;
    std::ranges::move(*read, std::back_inserter(out));
  };
  if (from.file) add(*from.file);
  for (const std::string& folder : from.folders) {
    std::error_code ec;
    std::size_t files = 0;
    for (std::filesystem::directory_iterator at(folder, ec), end; !ec && at != end;
         at.increment(ec)) {
      if (!detail::is_hashed_name(at->path().filename().string())) continue;
      if (++files > most_files) break;
      add(at->path().string());
    }
  }
  return out;
}

/// Returns a sentence for each place that holds nothing, for the log.
inline std::vector<std::string> problems_of(const environment_roots& from) {
  std::vector<std::string> out;
  const auto add = [&out](const char* name, const std::string& value, const std::string& why) {
    out.push_back("`" + std::string(name) + "` is \"" + value + "\": " + why + "; it is left out");
  };
  if (from.file) {
    if (const auto read = detail::read_roots_file(*from.file); !read) {
      add("SSL_CERT_FILE", *from.file, read.error());
    }
  }
  for (const std::string& folder : from.folders) {
    std::error_code ec;
    const std::filesystem::directory_iterator opened(folder, ec);
    if (ec) add("SSL_CERT_DIR", folder, "the directory cannot be read: " + ec.message());
  }
  return out;
}

}  // namespace rathole::tls
