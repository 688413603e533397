#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <system_error>

namespace rathole::client {

/// A control channel that the server closes sooner than this after it was established was cut short.
inline constexpr std::chrono::seconds cut_short_within{3};

/// So many control channels in a row that were cut short mean that something takes their place.
inline constexpr std::size_t displaced_after = 2;

/// A control channel that lasted longer than this ends the suspicion. It is longer than the pauses
/// of `displaced_backoff`: two clients that displace each other each last for a pause of the other.
inline constexpr std::chrono::seconds undisplaced_after{60};

/// How the attempts are spaced while another client seems to take the place of this one.
inline constexpr backoff_parameters displaced_backoff{std::chrono::seconds(1), 0.2, 2.0,
                                                      std::chrono::seconds(30)};

/// Returns whether `reason` means that the server closed the connection, which it does when another
/// client takes the service over. A reset does not: it is what a network or proxy that fails causes,
/// and after that the client is to come back as soon as it can.
inline bool is_closed_by_server(const std::error_code& reason) {
  return reason == errc::end_of_stream || reason == errc::truncated;
}

/// Returns whether `reason` means that the peer ended the connection, in order or by a reset.
inline bool is_closed_by_peer(const std::error_code& reason) {
  return is_closed_by_server(reason) || reason == std::errc::connection_reset ||
         reason == std::errc::broken_pipe;
}

/// Recognises a service whose control channels the server accepts and then closes, again and again:
/// most likely another client serves the same service, and each takes the other's place. Without
/// pauses that grow they would do so twice a second without end.
class displacement {
 public:
  /// A control channel that had been established lasted for `lasted`, and ended for `reason`.
  void note(const std::error_code& reason, duration lasted) {
    const duration limit =
        is_recurring() ? duration(undisplaced_after) : duration(cut_short_within);
    if (is_closed_by_server(reason) && lasted < limit) {
      ++in_a_row_;
    } else {
      reset();
    }
  }

  /// Whether the last channels were cut short, `displaced_after` of them at least.
  [[nodiscard]] bool is_recurring() const { return in_a_row_ >= displaced_after; }

  /// Returns how long to wait before the next attempt while `is_recurring`.
  template <Rng R>
  duration pause(R& rng) {
    return pauses_.next(rng);
  }

  /// Forgets all: the settings have changed.
  void reset() {
    in_a_row_ = 0;
    pauses_.reset();
  }

 private:
  std::size_t in_a_row_ = 0;
  backoff pauses_{displaced_backoff};
};

}  // namespace rathole::client
