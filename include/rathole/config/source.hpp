#pragma once

#include <rathole/config/problem.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// A position in a file.
struct position {
  /// The line, counted from 1.
  std::uint32_t line = 1;
  /// The column in characters, counted from 1.
  std::uint32_t column = 1;

  /// Orders by the members in the order of their declaration.
  [[nodiscard]] auto operator<=>(const position&) const = default;
};

/// The name of a configuration file and the positions of the values of its keys.
class source {
 public:
  /// Makes a source for a file, as the user named it, without positions.
  source(std::string file) : file_(std::move(file)) {}
  /// Makes a source for a file, as the user named it, without positions.
  source(const char* file) : file_(file) {}

  /// Returns the name of the file.
  [[nodiscard]] const std::string& file() const { return file_; }

  /// Records the position of the value of the key at the path `key`.
  void note(std::string key, position at) { places_.insert_or_assign(std::move(key), at); }

  /// Returns the position of the value of `key`, or null if the file does not have it.
  [[nodiscard]] const position* find(std::string_view key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second;
  }

  /// Returns `value` with the name of this file, and with the position of its key, or of the
  /// innermost table around the key that the file has.
  [[nodiscard]] problem locate(problem value) const {
    value.file = file_;
    for (std::string_view key = value.key; !key.empty();) {
      if (const position* at = find(key)) {
        value.line = at->line;
        value.column = at->column;
        break;
      }
      const auto dot = key.rfind('.');
      key = key.substr(0, dot == key.npos ? 0 : dot);
    }
    return value;
  }

 private:
  std::string file_;
  std::map<std::string, position, std::less<>> places_;
};

}  // namespace rathole::config
