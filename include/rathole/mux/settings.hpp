#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace rathole::mux {

/// Which side of the connection a session is. The client's streams have odd ids.
enum class role : std::uint8_t {
  /// The side that dialled.
  client,
  /// The side that accepted.
  server,
};

/// What one side allows the other one to send; it travels in the Hello.
struct parameters {
  /// The window of each new stream, in bytes: `min_initial_window` to `max_window`.
  std::uint32_t initial_window = default_initial_window;
  /// The most streams that the other side may have open at once: 1 to `max_streams_limit`.
  std::uint32_t max_streams = default_max_streams;

  /// Compares all members.
  bool operator==(const parameters&) const = default;
};

/// What plain yamux, which has no Hello, allows each side.
inline constexpr parameters plain_parameters{plain_initial_window, max_streams_limit};

/// The settings of a session.
struct settings {
  /// What the peer may send. More streams than `receive_budget` has initial windows for are not
  /// allowed, whatever `max_streams` says; `allowed` returns the number that is effective.
  parameters own;
  /// The largest id that this side uses for its streams; after it another connection is needed.
  std::uint32_t last_id = std::numeric_limits<std::uint32_t>::max();
  /// The time without any input after which a ping is sent; 0 means never.
  duration keepalive_interval = default_keepalive_interval;
  /// The time after that ping until the connection counts as lost.
  duration keepalive_timeout = default_keepalive_timeout;

  /// Returns `own` with the number of streams that is effective, as the Hello must announce it.
  [[nodiscard]] parameters allowed() const {
    const std::uint64_t windows = receive_budget / own.initial_window;
    return {own.initial_window,
            static_cast<std::uint32_t>(std::min<std::uint64_t>(own.max_streams, windows))};
  }

  /// Returns the settings for a peer that speaks plain yamux, without a Hello.
  [[nodiscard]] static settings plain() {
    settings out;
    out.own.initial_window = plain_initial_window;
    return out;
  }
};

}  // namespace rathole::mux
