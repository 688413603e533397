#pragma once

#include <rathole/config/defaults.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::config {

/// To which of several local addresses a visitor of a TCP service is forwarded. Not in upstream.
enum class local_strategy {
  /// To each address in turn.
  round_robin,
  /// To the first one that works.
  failover
};

/// What a health check asks. Not in upstream.
enum class health_check_kind {
  /// Whether a TCP connection is accepted.
  tcp,
  /// Whether a request of HTTP/1.1 gets an answer with a status from 200 to 399.
  http
};

/// Returns whether `text` may be the path of a request: it begins with '/' and consists of visible ASCII
/// characters.
constexpr bool is_request_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// The table `health_check` of a service of a client: how it learns which local addresses work before a
/// visitor comes. Not in upstream.
struct health_check {
  /// What is asked.
  health_check_kind kind = health_check_kind::tcp;
  /// The target of the request, such as `/health`; for HTTP only.
  std::string path = "/";
  /// The time from the end of a check to the next one of the same address.
  std::chrono::milliseconds interval = defaults::health_check_interval;
  /// How long the connection and the answer may take together.
  std::chrono::milliseconds timeout = defaults::health_check_timeout;
  /// How many checks in a row must fail until an address counts as down, at least 1.
  std::size_t fall = defaults::health_check_fall;
  /// How many checks in a row must succeed until it counts as up again, at least 1.
  std::size_t rise = defaults::health_check_rise;

  /// Compares all members.
  [[nodiscard]] bool operator==(const health_check&) const = default;
};

}  // namespace rathole::config
