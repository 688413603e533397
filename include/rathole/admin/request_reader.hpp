#pragma once

#include <rathole/admin/message.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/http/head.hpp>
#include <rathole/http/head_reader.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::admin {

/// Reads requests of HTTP/1 (RFC 9112) from bytes that arrive in pieces of any size, one after the other.
/// Bodies have a `Content-Length`; others are refused. It does no input or output.
class request_reader {
 public:
  /// The longest body, in bytes.
  static constexpr std::size_t max_body = std::size_t{64} << 10;

  /// Takes bytes from the front of `in`, up to the end of the request; returns how many. Takes nothing
  /// once the request is complete or refused.
  std::size_t feed(byte_view in) {
    std::size_t taken = 0;
    if (!head_.done() && refusal_ == 0) {
      const auto count = head_.feed(in);
      if (!count) {
        refuse(count.error() == errc::message_too_long ? 431 : 400);
        return 0;
      }
      taken = *count;
      if (head_.done()) examine_head();
    }
    if (!head_.done() || refusal_ != 0) return taken;
    const std::size_t more = std::min(length_ - request_.body.size(), in.size() - taken);
    const byte_view part = in.subspan(taken, more);
    request_.body.append(reinterpret_cast<const char*>(part.data()), part.size());
    return taken + more;
  }

  /// Returns whether the request is complete.
  [[nodiscard]] bool done() const {
    return refusal_ == 0 && head_.done() && request_.body.size() == length_;
  }

  /// Returns the status with which the request must be refused, after which the connection is closed; 0
  /// if it need not be.
  [[nodiscard]] int refusal() const { return refusal_; }

  /// Returns what a status of `refusal` means, as a sentence.
  static std::string text_of(int refusal) {
    const auto most = [](std::size_t bytes) { return std::to_string(bytes / 1024) + " KiB."; };
    switch (refusal) {
      case 411: return "The length of the body must be in `Content-Length`.";
      case 413: return "The body of a request may have " + most(max_body);
      case 431: return "The head of a request may have " + most(http::head_reader::max_head);
      case 505: return "Only HTTP/1.0 and HTTP/1.1 are spoken here.";
      default: return "This is no well-formed request of HTTP/1.1.";
    }
  }

  /// Returns whether the client waits for an interim answer before it sends the body (RFC 9110 section
  /// 10.1.1); once for each request.
  bool wants_continue() { return std::exchange(wants_continue_, false); }

  /// Returns whether a request has begun to arrive.
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  /// Records that bytes of a request have arrived.
  void begin() { has_begun_ = true; }

  /// Returns whether the connection can be used for a further request (RFC 9112 section 9.3).
  [[nodiscard]] bool keeps_alive() const {
    if (request_.minor == 0) return request_.head.lists("Connection", "keep-alive");
    return !request_.head.lists("Connection", "close");
  }

  /// Returns the complete request, and begins with the next one.
  request take() {
    request out = std::move(request_);
    *this = request_reader();
    return out;
  }

 private:
  void refuse(int status) { refusal_ = status; }

  void examine_head() {
    request_.head = head_.head();
    const auto line = http::parse_request_line(request_.head.start_line);
    if (!line) return refuse(is_other_version() ? 505 : 400);
    request_.method = line->method;
    request_.target = line->target;
    request_.minor = line->minor;
    if (request_.head.has("Transfer-Encoding")) return refuse(411);
    if (request_.head.has("Content-Length")) {
      const std::string* const text = request_.head.only("Content-Length");
      const auto length = text ? parse_length(*text) : std::nullopt;
      if (!length) return refuse(400);
      if (*length > max_body) return refuse(413);
      length_ = *length;
    }
    if (!request_.head.has("Expect")) return;
    if (!request_.head.lists("Expect", "100-continue")) return refuse(417);
    wants_continue_ = length_ > 0 && request_.minor > 0;
  }

  /// Returns whether the first line is that of another version of HTTP.
  [[nodiscard]] bool is_other_version() const {
    const std::string& line = request_.head.start_line;
    const auto at = line.rfind(" HTTP/");
    return at != std::string::npos && !line.substr(at).starts_with(" HTTP/1.");
  }

  /// Returns the value of `Content-Length`; a number that does not fit becomes the largest one.
  static std::optional<std::size_t> parse_length(std::string_view text) {
    const bool is_number =
        !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!is_number) return std::nullopt;
    std::size_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc() ? value : static_cast<std::size_t>(-1);
  }

  http::head_reader head_;
  request request_;
  std::size_t length_ = 0;
  int refusal_ = 0;
  bool wants_continue_ = false;
  bool has_begun_ = false;
};

}  // namespace rathole::admin
