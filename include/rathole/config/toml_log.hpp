#pragma once

#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/types.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// A function that returns what is wrong with the value of the key `log`, as a text for users;
/// nothing if it is valid. The program passes this function, because only it knows which values are
/// valid.
using log_check = std::optional<std::string> (*)(std::string_view);

namespace detail {

/// Reads the path of a file to write.
inline std::optional<std::string> read_output_path(toml_reader& root, std::string_view key) {
  auto path = root.string(key);
  if (path && path->empty()) {
    root.reject(key, "an empty path", "name a file, or leave the key out");
  }
  return path;
}

}  // namespace detail

/// Reads the top-level keys about logs. `check` may be null.
inline log_settings read_log_settings(toml_reader& root, log_check check) {
  static constexpr std::array<spelling<log_form>, 2> forms = {{
      {"text", log_form::text},
      {"json", log_form::json},
  }};
  log_settings out;
  out.filter = root.string("log");
  if (out.filter && check) {
    if (auto wrong = check(*out.filter)) root.reject("log", std::move(*wrong), "");
  }
  out.file = detail::read_output_path(root, "log_file");
  out.form = read_enum(root, "log_format", forms).value_or(out.form);
  out.access = detail::read_output_path(root, "access_log");
  if (out.access && out.access == out.file) {
    root.reject("access_log", "the same file as `log_file`", "name another file");
  }
  return out;
}

}  // namespace rathole::config
