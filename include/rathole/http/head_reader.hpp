#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/http/head.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::http {

/// Reads one message head (RFC 9112 section 2.1) from bytes that arrive in pieces of any size. It
/// is strict: lines end with CR LF. A CR or a control character elsewhere, a name that is not a
/// token, white space before the colon, and a line that continues another (obs-fold) are errors.
class head_reader {
 public:
  /// The longest line without its CR LF, in bytes.
  static constexpr std::size_t max_line = 8 * 1024;
  /// The longest head, in bytes. It bounds the buffered memory.
  static constexpr std::size_t max_head = 64 * 1024;
  /// The largest number of fields.
  static constexpr std::size_t max_fields = 124;

  /// Takes bytes from the front of `in`, up to the end of the head; returns how many it took. Fails
  /// with `malformed_http` or `message_too_long`, and from then on always with the same error.
  result<std::size_t> feed(byte_view in) {
    std::size_t taken = 0;
    while (taken < in.size() && !error_ && !done_) read_char(static_cast<char>(in[taken++]));
    if (error_) return failure(error_);
    return taken;
  }

  /// Returns whether the head is complete.
  [[nodiscard]] bool done() const { return done_; }

  /// Returns how many bytes certainly still belong to the head: at least 1 until the head is
  /// complete or malformed, then 0.
  [[nodiscard]] std::size_t wanted() const {
    if (done_ || error_) return 0;
    if (after_cr_) return is_blank_line() ? 1 : 3;
    return is_blank_line() ? 2 : 4;
  }

  /// Returns the head; valid once `done()`.
  [[nodiscard]] const http::head& head() const { return head_; }

 private:
  void read_char(char c) {
    if (++size_ > max_head) return fail(errc::message_too_long);
    if (after_cr_) {
      after_cr_ = false;
      if (c != '\n') return fail(errc::malformed_http);
      return end_line();
    }
    if (c == '\r') {
      after_cr_ = true;
      return;
    }
    if (!is_line_char(c)) return fail(errc::malformed_http);
    if (line_.size() == max_line) return fail(errc::message_too_long);
    line_ += c;
  }

  // Whether the current line is empty so far, and would end the head.
  [[nodiscard]] bool is_blank_line() const { return line_.empty() && !head_.start_line.empty(); }

  void end_line() {
    if (is_blank_line()) {
      done_ = true;
      return;
    }
    if (head_.start_line.empty()) {
      if (line_.empty()) return fail(errc::malformed_http);
      head_.start_line = std::exchange(line_, {});
      return;
    }
    const auto colon = line_.find(':');
    const std::string_view line = line_;
    if (colon == std::string::npos || !is_token(line.substr(0, colon))) {
      return fail(errc::malformed_http);
    }
    if (head_.fields.size() == max_fields) return fail(errc::message_too_long);
    head_.fields.push_back(
        {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
    line_.clear();
  }

  void fail(errc why) {
    error_ = why;
    head_ = {};
    line_ = {};
  }

  http::head head_;
  std::string line_;
  std::size_t size_ = 0;
  std::error_code error_;
  bool after_cr_ = false;
  bool done_ = false;
};

}  // namespace rathole::http
