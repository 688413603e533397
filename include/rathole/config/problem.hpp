#pragma once

#include <cstdint>
#include <string>

namespace rathole::config {

/// One thing that is wrong with a configuration. No member ever contains a secret.
struct problem {
  /// The file as the user named it; empty for what has no position.
  std::string file = {};
  /// Both count from 1; the column counts characters.
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  /// The path of the key or of its table, such as `server.services.web.token`; may be empty.
  std::string key = {};
  /// What is wrong.
  std::string what = {};
  /// How to mend it; may be empty.
  std::string remedy = {};

  [[nodiscard]] bool operator==(const problem&) const = default;
};

/// `file:line:column: key.path: what is wrong; how to mend it`, without the parts that are empty.
inline std::string to_string(const problem& value) {
  std::string text;
  if (!value.file.empty()) {
    text += value.file + ':' + std::to_string(value.line) + ':' + std::to_string(value.column);
    text += ": ";
  }
  if (!value.key.empty()) text += value.key + ": ";
  text += value.what;
  if (!value.remedy.empty()) text += "; " + value.remedy;
  return text;
}

}  // namespace rathole::config
