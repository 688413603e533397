#pragma once

#include <rathole/config/own_output.hpp>
#include <rathole/config/secret_file.hpp>
#include <rathole/config/toml_path.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/core/secret.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

namespace detail {

/// Warns if any user of the host can read the file that `key` names.
inline void warn_of_exposure(const toml_reader& table, std::string_view key, bool is_exposed) {
  if (!is_exposed) return;
  table.warn(key, "every user of this host can read the file",
             "take the permission away, as `chmod o= FILE` does");
}

/// Reports an error if the file at `path`, which `key` names, is the program's own output, and returns whether it
/// is.
inline bool reject_own_output(const toml_reader& table, std::string_view key,
                              const std::string& path) {
  if (!is_own_output(path)) return false;
  table.reject(key, own_output_problem, own_output_remedy);
  return true;
}

}  // namespace detail

/// A secret, and the key that gives it.
struct given_secret {
  /// The secret.
  secret value = {};
  /// The key itself, or the key of the file with the secret.
  std::string key = {};
};

/// Returns the key that names a file with the secret of `key`.
inline std::string file_key_of(std::string_view key) { return std::string(key) + "_file"; }

/// Returns whether `table` has `key` or the key of a file with its secret.
inline bool has_secret(const toml_reader& table, std::string_view key) {
  return table.contains(key) || table.contains(file_key_of(key));
}

/// Reads the secret at `key`, or that in the file that the key of `file_key_of` names; returns nothing if
/// both are absent or wrong. The configuration then depends on the file.
inline std::optional<given_secret> read_secret(toml_reader& table, std::string_view key) {
  std::string file_key = file_key_of(key);
  auto text = table.secret_string(key);
  const auto path = detail::read_path_beside(table, file_key);
  if (table.contains(key) && table.contains(file_key)) {
    table.reject(file_key, "both `" + std::string(key) + "` and `" + file_key + '`',
                 "keep one of them");
    return std::nullopt;
  }
  if (text) return given_secret{std::move(*text), std::string(key)};
  if (!path) return std::nullopt;
  table.log().depends_on(*path);
  if (detail::reject_own_output(table, file_key, *path)) return std::nullopt;
  auto file = read_secret_file(*path);
  if (!file) {
    table.reject(file_key, std::move(file.error()),
                 "name a regular file that has the secret and that the program may read");
    return std::nullopt;
  }
  detail::warn_of_exposure(table, file_key, file->is_exposed);
  return given_secret{std::move(file->value), std::move(file_key)};
}

}  // namespace rathole::config
