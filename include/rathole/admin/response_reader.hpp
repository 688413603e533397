#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/http/head.hpp>
#include <rathole/http/head_reader.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::admin {

/// Reads one answer of HTTP/1 from bytes that arrive in pieces of any size. A body without a
/// `Content-Length` lasts to the end of the connection. It does no input or output.
class response_reader {
 public:
  /// The longest body with a `Content-Length`, in bytes.
  static constexpr std::size_t max_body = std::size_t{16} << 20;
  /// The most bytes of a body without one that the owner has not removed from `body`.
  static constexpr std::size_t max_unread = std::size_t{1} << 20;

  /// Takes bytes from the front of `in`; returns how many. The body is appended to `body`. Fails with
  /// `malformed_http` or `message_too_long`.
  result<std::size_t> feed(byte_view in) {
    std::size_t taken = 0;
    if (!head_.done()) {
      const auto count = head_.feed(in);
      if (!count) return count;
      taken = *count;
      if (!head_.done()) return taken;
      if (const auto examined = examine_head(); !examined) return failure(examined.error());
      // An interim answer (RFC 9110 section 15.2) is followed by the real one.
      if (status_ < 200) {
        *this = response_reader();
        return taken;
      }
    }
    const std::size_t room = length_ ? *length_ - body.size() : in.size();
    const byte_view part = in.subspan(taken, std::min(room, in.size() - taken));
    if (!length_ && body.size() + part.size() > max_unread) return failure(errc::message_too_long);
    body.append(reinterpret_cast<const char*>(part.data()), part.size());
    return taken + part.size();
  }

  /// Returns whether the head is complete.
  [[nodiscard]] bool has_head() const { return head_.done(); }
  /// Returns whether the answer is complete; one without a `Content-Length` never is.
  [[nodiscard]] bool done() const { return head_.done() && length_ && body.size() == *length_; }
  /// Returns the status; valid once there is a head.
  [[nodiscard]] int status() const { return status_; }
  /// Returns the head; valid once there is one.
  [[nodiscard]] const http::head& head() const { return head_.head(); }

  /// The body so far. The owner may remove what it has used if there is no `Content-Length`.
  std::string body;

 private:
  result<void> examine_head() {
    const auto line = http::parse_status_line(head_.head().start_line);
    if (!line) return failure(line.error());
    status_ = line->status;
    if (status_ == 204) length_ = 0;
    const std::string* const text = head_.head().only("Content-Length");
    if (!text) return {};
    std::size_t value = 0;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
    if (read.ec != std::errc() || read.ptr != text->data() + text->size()) {
      return failure(errc::malformed_http);
    }
    if (value > max_body) return failure(errc::message_too_long);
    length_ = value;
    return {};
  }

  http::head_reader head_;
  int status_ = 0;
  std::optional<std::size_t> length_;
};

}  // namespace rathole::admin
