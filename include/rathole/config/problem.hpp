#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace rathole::config {

/// The severity of a problem.
enum class severity {
  /// The file cannot be used.
  error,
  /// The file can be used, but something in it has no effect or will not work.
  warning,
};

/// One thing that is wrong with a configuration. No member ever contains a secret.
struct problem {
  /// The file as the user named it; empty if the problem belongs to no file.
  std::string file = {};
  /// The line, counted from 1; 0 if there is no position.
  std::uint32_t line = 0;
  /// The column in characters, counted from 1; 0 if there is no position.
  std::uint32_t column = 0;
  /// The path of the key or of its table, such as `server.services.web.token`; may be empty.
  std::string key = {};
  /// The description of the problem.
  std::string what = {};
  /// How to correct it; may be empty.
  std::string remedy = {};
  /// How serious it is.
  severity level = severity::error;

  /// Compares all members.
  [[nodiscard]] bool operator==(const problem&) const = default;
};

/// Returns `file:line:column: key.path: what is wrong; remedy`, without the parts that are empty, for
/// a log whose lines have a level. `label` goes before the path of the key.
inline std::string text_of(const problem& value, std::string_view label = {}) {
  std::string text = value.file;
  if (!value.file.empty() && value.line > 0) {
    text += ':' + std::to_string(value.line) + ':' + std::to_string(value.column);
  }
  if (!value.file.empty()) text += ": ";
  text += label;
  if (!value.key.empty()) text += value.key + ": ";
  text += value.what;
  if (!value.remedy.empty()) text += "; " + value.remedy;
  return text;
}

/// Returns what `text_of` returns; for a warning, with the label `warning: `.
inline std::string to_string(const problem& value) {
  return text_of(value, value.level == severity::warning ? "warning: " : "");
}

}  // namespace rathole::config
