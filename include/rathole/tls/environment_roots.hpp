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

/// The size of the largest accepted file of keys or certificates, in bytes.
inline constexpr std::size_t max_file_size = std::size_t{4} << 20;

/// The places of trusted certificates that the environment names. The variables have the same
/// meaning as for OpenSSL, and so for upstream: each replaces one of two default places. Debian has
/// the same certificates in both, so the roots of the machine are replaced only if both variables
/// are set.
struct environment_roots {
  /// The PEM file that `SSL_CERT_FILE` names.
  std::optional<std::string> file = {};
  /// The directories that `SSL_CERT_DIR` names, separated by colons, as `openssl rehash` prepares
  /// them.
  std::vector<std::string> folders = {};

  /// Returns whether both default places are replaced.
  [[nodiscard]] bool replace_defaults() const { return file && !folders.empty(); }
};

/// Returns the current values of the two variables. An empty one counts as unset, and so do both in
/// a program that runs with more rights than its user (secure_getenv(3)).
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

/// Returns whether OpenSSL would read a file of this name in a certificate directory: eight
/// hexadecimal digits, a dot and a number.
inline bool is_hashed_name(std::string_view name) {
  constexpr std::size_t hash_size = 8;
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view hex = "0123456789abcdef";
  return name.size() > hash_size + 1 &&
         name.substr(0, hash_size).find_first_not_of(hex) == name.npos && name[hash_size] == '.' &&
         name.substr(hash_size + 1).find_first_not_of(digits) == name.npos;
}

/// Returns the certificates in the PEM file at `path`, in DER. Fails with a text for users.
inline std::expected<std::vector<std::vector<std::uint8_t>>, std::string> read_roots_file(
    const std::string& path) {
  const auto text = read_file(path, {.size = max_file_size});
  if (!text) return std::unexpected("the file cannot be read: " + text.error());
  return read_pem_certificates(*text);
}

}  // namespace detail

/// Returns the certificates in the places of `from`, in DER. As with OpenSSL, what cannot be read
/// is left out. At most 4096 files of a directory are read.
inline std::vector<std::vector<std::uint8_t>> load_roots(const environment_roots& from) {
  constexpr std::size_t max_files = 4096;
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
      if (++files > max_files) break;
      add(at->path().string());
    }
  }
  return out;
}

/// Returns one sentence for the log for each place that cannot be read.
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
