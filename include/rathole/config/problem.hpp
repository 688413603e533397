#pragma once

#include <rathole/core/language.hpp>

#include <cstdint>
#include <string>

namespace rathole::config {

/// How much a problem matters.
enum class severity {
  /// The file is not used.
  error,
  /// The file is used, but something in it has no effect or will not work.
  warning,
};

/// One thing that is wrong with a configuration. No member ever contains a secret.
struct problem {
  /// The file as the user named it; empty for what belongs to no file.
  std::string file = {};
  /// Both count from 1, and are 0 where there is no position; the column counts characters.
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  /// The path of the key or of its table, such as `server.services.web.token`; may be empty.
  std::string key = {};
  /// What is wrong.
  std::string what = {};
  /// How to mend it; may be empty.
  std::string remedy = {};
  severity level = severity::error;

  [[nodiscard]] bool operator==(const problem&) const = default;
};

/// Returns `file:line:column: warning: key.path: what is wrong; how to mend it`, without the parts
/// that are empty; an error has no word for its severity.
inline std::string to_string(const problem& value) {
  std::string text = value.file;
  if (!value.file.empty() && value.line > 0) {
    text += ':' + std::to_string(value.line) + ':' + std::to_string(value.column);
  }
  if (!value.file.empty()) text += ": ";
  if (value.level == severity::warning) text += "warning: ";
  if (!value.key.empty()) text += value.key + ": ";
  text += value.what;
  if (!value.remedy.empty()) text += "; " + value.remedy;
  return text;
}

}  // namespace rathole::config
