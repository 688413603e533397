#pragma once

#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>

namespace rathole::admin {

/// The bounds of the API's HTTP server.
struct http_limits {
  /// The most connections that have not sent a complete request; a new one replaces the oldest.
  std::size_t waiting = 128;
  /// The same for one IPv4 address or IPv6 /64.
  std::size_t waiting_per_address = 64;
  /// How long a request may take to arrive, counted from the end of the last one.
  duration request_timeout = std::chrono::seconds(15);
  /// How long an answer may take to be written.
  duration write_timeout = std::chrono::seconds(15);
  /// The most requests to which an answer is being found.
  std::size_t answers = 64;
  /// The most connections that an answer is being written to, or that are being closed; a new one
  /// replaces the oldest.
  std::size_t writing = 64;
  /// The most bytes of answers that are being written, besides one.
  std::size_t answer_bytes = std::size_t{32} << 20;
  /// The most connections that receive events.
  std::size_t streams = 32;
  /// The time between two writes of new events to a connection, so that many events cost few writes, and
  /// seldom delay a visitor.
  duration event_pause = std::chrono::milliseconds(200);
  /// The time between two comments in a stream of events without events.
  duration keep_alive = std::chrono::seconds(15);
};

}  // namespace rathole::admin
