#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/http/grammar.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/http/status_reader.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace rathole::http {

/// Sends one GET request and reads the status of its answer (RFC 9110 section 9.3.1); models `Machine`. It
/// never reads the body, so the connection must be closed afterwards.
///
/// | state         | input                   | output  | next          | event or error   |
/// |---------------|-------------------------|---------|---------------|------------------|
/// | (start)       |                         | request | awaiting_head |                  |
/// | awaiting_head | a head with 100 to 199  |         | awaiting_head |                  |
/// | awaiting_head | one with another status |         | done          | the status       |
/// | awaiting_head | anything else           |         | failed        | the head's error |
class status_query {
 public:
  /// The status.
  using event = int;

  /// The largest number of received bytes that it holds.
  static constexpr std::size_t max_buffered = status_reader::max_buffered;
  /// The most heads with a status from 100 to 199 that may come before the answer.
  static constexpr std::size_t max_interim = 8;

  /// Asks `host` for `target`. If they cannot be written in a request, the first `poll` fails with
  /// `invalid_address`, and nothing is sent.
  status_query(std::string host, std::string target)
      : host_(std::move(host)), target_(std::move(target)) {
    is_due_ = is_target(target_) && is_target(host_);
    if (!is_due_) answer_.fail(errc::invalid_address);
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return answer_.wanted(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return answer_.feed(in); }

  /// Returns the status; see `Machine`. Fails with an error of `head_reader`, or `malformed_http`.
  result<std::optional<event>> poll(time_point) {
    const auto status = answer_.poll();
    if (!status || !*status || **status >= 200) return status;
    if (++interim_ > max_interim) return answer_.fail(errc::malformed_http);
    answer_.read_next();
    return std::nullopt;
  }

  /// Appends the request; see `Machine`.
  bool transmit(byte_buffer& out) {
    if (!std::exchange(is_due_, false)) return false;
    auto head = head_writer::request(out, "GET", target_);
    head.field("Host", host_).field("User-Agent", "rathole").field("Connection", "close");
    head.finish();
    return true;
  }

  /// Returns nothing: the caller limits the time.
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  const std::string host_;
  const std::string target_;
  status_reader answer_;
  std::size_t interim_ = 0;
  bool is_due_ = false;
};

}  // namespace rathole::http
