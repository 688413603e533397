#pragma once

#include <rathole/config/problem.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// A place in the file, both counted from 1.
struct position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  [[nodiscard]] auto operator<=>(const position&) const = default;
};

/// The file that a configuration came from, and where in it the values of its keys are.
class source {
 public:
  /// A file as the user named it, of which no places are known.
  source(std::string file) : file_(std::move(file)) {}
  source(const char* file) : file_(file) {}

  [[nodiscard]] const std::string& file() const { return file_; }

  /// Remembers where the value of the key at the path `key` is.
  void note(std::string key, position at) { places_.insert_or_assign(std::move(key), at); }

  /// Returns the place of `key`, or null if the file does not have it.
  [[nodiscard]] const position* find(std::string_view key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second;
  }

  /// Returns `value` with this file, and with the place of its key or of the innermost table around
  /// it that the file has.
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
