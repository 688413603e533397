#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/core/read_file.hpp>
#include <rathole/core/secret.hpp>

#include <expected>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::config {

/// The content of a file that has a secret.
struct secret_file {
  /// The secret, without the newline at its end, if the file has one.
  secret value = {};
  /// Whether users who neither own the file nor belong to its group can read it.
  bool is_exposed = false;
};

/// Removes one newline, `\n` or `\r\n`, from the end of `text`.
inline void remove_newline(std::string& text) {
  if (!text.ends_with('\n')) return;
  text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

/// Reads the file at `path`, which must be a regular file of 1 to `limits::token_file_size` bytes besides
/// the newline at its end. Fails with the reason, which does not have the content.
inline std::expected<secret_file, std::string> read_secret_file(const std::string& path) {
  // Room for a file of the largest size and its newline.
  constexpr std::size_t newline = 2;
  auto text = read_file(path, {.size = limits::token_file_size + newline});
  if (!text) return std::unexpected("cannot be read: " + text.error());
  secret_file out;
  std::error_code ignored;
  const auto permissions = std::filesystem::status(path, ignored).permissions();
  out.is_exposed = !ignored && (permissions & std::filesystem::perms::others_read) !=
                                   std::filesystem::perms::none;
  remove_newline(*text);
  const std::size_t size = text->size();
  out.value = secret(std::move(*text));
  if (size == 0) return std::unexpected("the file is empty");
  if (size > limits::token_file_size) {
    return std::unexpected("the file is larger than " + std::to_string(limits::token_file_size) +
                           " bytes");
  }
  return out;
}

}  // namespace rathole::config
