#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/problem.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// Checks TOML text for three errors that toml++ 3.3 does not survive: a table header that does not
/// begin with a key fails an assertion, a dotted key with many parts exhausts the stack, and a
/// non-ASCII character outside of strings and comments is undefined behaviour (see also
/// `config/toml.hpp`). It accepts all other errors.
class toml_guard {
 public:
  /// Makes a guard for `text`, which must outlive it.
  explicit toml_guard(std::string_view text) : text_(text) {}

  /// Returns the first such error, or nothing. Called once.
  std::optional<problem> check() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = line_begin_ = 3;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        end_line();
      } else if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if ((c == '"' || c == '\'') && is_token_start()) {
        is_line_start_ = false;
        skip_string(c);
      } else {
        if (static_cast<unsigned char>(c) >= 0x80) {
          return found("syntax error: only strings and comments have characters outside of ASCII",
                       "put the key or the text in quotes");
        }
        if (c == '.' && ++dots_ > limits::dots_in_line) {
          return found("too many dots in one line", "shorten the key");
        }
        if (c == '[' && is_line_start_ && depth_ == 0 && !header_has_key()) {
          return found("syntax error in table header: expected a key", "name the table");
        }
        track(c);
        ++at_;
      }
    }
    return std::nullopt;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t'; }

  /// Returns whether a string may begin here; a quote after any other character is a different
  /// error.
  [[nodiscard]] bool is_token_start() const {
    return at_ == line_begin_ || std::string_view(" \t=[{,.").contains(text_[at_ - 1]);
  }

  void end_line() {
    ++at_;
    ++line_;
    line_begin_ = at_;
    dots_ = 0;
    is_line_start_ = true;
    is_value_ = depth_ > 0;
  }

  void track(char c) {
    if (!is_blank(c)) is_line_start_ = false;
    if (c == '=') is_value_ = true;
    if (!is_value_) return;
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
  }

  [[nodiscard]] bool header_has_key() const {
    std::string_view rest = text_.substr(at_ + 1);
    const auto skip_blanks = [&] {
      while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    };
    skip_blanks();
    if (rest.starts_with('[')) rest.remove_prefix(1);
    skip_blanks();
    if (rest.empty()) return true;
    const char c = rest.front();
    // toml++ reports an empty header, "[]", correctly.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_\"']").contains(c);
  }

  /// Skips the string that begins here. A single-line string without an end ends with its line.
  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool is_long = text_.substr(at_).starts_with(triple);
    at_ += is_long ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
        ++at_;
      } else if (c == '\n') {
        if (!is_long) return;
        ++line_;
        line_begin_ = at_ + 1;
      } else if (c == quote && (!is_long || text_.substr(at_).starts_with(triple))) {
        at_ += is_long ? 3 : 1;
        // Up to two quotes before the closing three belong to the string.
        for (int i = 0; is_long && i < 2 && text_.substr(at_).starts_with(quote); ++i) ++at_;
        return;
      }
    }
  }

  [[nodiscard]] problem found(std::string what, std::string remedy) const {
    const std::string_view before = text_.substr(line_begin_, at_ - line_begin_);
    const auto characters = std::ranges::count_if(
        before, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    return {.line = line_,
            .column = static_cast<std::uint32_t>(characters + 1),
            .what = std::move(what),
            .remedy = std::move(remedy)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
  std::size_t dots_ = 0;
  std::size_t depth_ = 0;
  bool is_line_start_ = true;
  bool is_value_ = false;
};

}  // namespace rathole::config
