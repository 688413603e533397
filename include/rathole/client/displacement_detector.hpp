#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <system_error>

namespace rathole::client_side {

/// The time within which the server must close an established control channel for it to count as
/// cut short.
inline constexpr std::chrono::seconds cut_short_within{3};

/// How many control channels in a row must be cut short to suspect that another client displaces
/// this one. A server that is restarted a few times in a row stays below it.
inline constexpr std::size_t displaced_after = 5;

/// The time that a control channel must last to end the suspicion. It is longer than the pauses of
/// `displaced_backoff`, because when two clients displace each other, the channel of each lasts for
/// a pause of the other.
inline constexpr std::chrono::seconds undisplaced_after{60};

/// The pauses between attempts while another client seems to displace this one.
inline constexpr backoff_parameters displaced_backoff{std::chrono::seconds(1), 0.2, 2.0,
                                                      std::chrono::seconds(10)};

/// Returns whether `reason` means that the server closed the connection in order, as it does when
/// another client takes over the service. A reset does not count: failing networks and proxies
/// cause it, and the client must then return as soon as possible.
inline bool is_closed_by_server(const std::error_code& reason) {
  return reason == errc::end_of_stream || reason == errc::truncated;
}

/// Returns whether `reason` means that the peer ended the connection, in order or by a reset.
inline bool is_closed_by_peer(const std::error_code& reason) {
  return is_closed_by_server(reason) || reason == std::errc::connection_reset ||
         reason == std::errc::broken_pipe;
}

/// Detects a service whose control channels the server repeatedly accepts and then closes. Most
/// likely another client serves the same service, and the two displace each other. Without growing
/// pauses they would do so twice a second indefinitely.
class displacement_detector {
 public:
  /// Records that an attempt failed before the server accepted the client: the server was away, so
  /// nothing was displaced there.
  void note_failed_attempt() { reset(); }

  /// Records that an established control channel ended after `lasted` because of `reason`.
  void note(const std::error_code& reason, duration lasted) {
    const duration limit =
        is_recurring() ? duration(undisplaced_after) : duration(cut_short_within);
    if (is_closed_by_server(reason) && lasted < limit) {
      ++in_a_row_;
    } else {
      reset();
    }
  }

  /// Returns whether at least the last `displaced_after` channels were cut short.
  [[nodiscard]] bool is_recurring() const { return in_a_row_ >= displaced_after; }

  /// Returns how long to wait before the next attempt; for use while `is_recurring()`.
  template <Rng R>
  duration pause(R& rng) {
    return pauses_.next(rng);
  }

  /// Forgets what was recorded, because the settings have changed.
  void reset() {
    in_a_row_ = 0;
    pauses_.reset();
  }

 private:
  std::size_t in_a_row_ = 0;
  backoff pauses_{displaced_backoff};
};

}  // namespace rathole::client_side
