#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/http/head.hpp>
#include <rathole/http/head_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::http {

/// Reads the head of an answer for its status (RFC 9112 section 4). It is what machines that ask one thing have
/// in common; its functions have the meaning that `Machine` gives them.
class status_reader {
 public:
  /// The largest number of received bytes that it holds.
  static constexpr std::size_t max_buffered = head_reader::max_head;

  /// Returns how many bytes it accepts now.
  [[nodiscard]] std::size_t wanted() const { return error_ ? 0 : head_.wanted(); }

  /// Takes received bytes.
  std::size_t feed(byte_view in) {
    const byte_view taken = in.first(std::min(in.size(), wanted()));
    const auto read = head_.feed(taken);
    if (!read) unseen_error_ = read.error();
    return taken.size();
  }

  /// Returns the status, once for each head; nothing while the head is not complete. Fails with an error of
  /// `head_reader`, with `malformed_http`, or as `fail` said.
  result<std::optional<int>> poll() {
    if (unseen_error_) error_ = std::exchange(unseen_error_, {});
    if (error_) return failure(error_);
    if (!head_.done() || std::exchange(is_seen_, true)) return std::nullopt;
    const auto line = parse_status_line(head_.head().start_line);
    if (!line) return fail(line.error());
    return line->status;
  }

  /// Reads another head, after one whose status says that it is not the last.
  void read_next() {
    head_ = {};
    is_seen_ = false;
  }

  /// Accepts no more bytes, and fails with `why` from now on.
  std::unexpected<std::error_code> fail(std::error_code why) {
    error_ = why;
    unseen_error_ = {};
    return failure(why);
  }

 private:
  head_reader head_;
  std::error_code unseen_error_;
  std::error_code error_;
  bool is_seen_ = false;
};

}  // namespace rathole::http
