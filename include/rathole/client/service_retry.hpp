#pragma once

#include <rathole/client/displacement_detector.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::client_side {

/// The time that an attempt must last to reset the backoff. Compat: upstream's value.
inline constexpr std::chrono::seconds stable_after{3};

/// The shortest pause between attempts, whatever the settings say.
inline constexpr std::chrono::milliseconds min_retry{100};

/// Returns how attempts to reach the server are spaced; the pauses grow to `retry_interval`, but at
/// least to `min_retry`. Compat: upstream's values.
inline backoff_parameters control_backoff(duration retry_interval) {
  return {std::chrono::milliseconds(500), 0.2, 3.0, std::max<duration>(retry_interval, min_retry)};
}

/// Asks the owner of a `service_retry` to open a control channel, and to report its end with
/// `service_retry::attempt_ended`.
struct start_attempt {
  /// Compares all members.
  bool operator==(const start_attempt&) const = default;
};

/// Asks the owner of a `service_retry` to report that a control channel could not be established,
/// or that it broke.
struct report_failure {
  /// Why the control channel ended.
  std::error_code reason;
  /// The time until the next attempt.
  duration pause{};
  /// Whether the server had accepted the service's token.
  bool was_established = false;
  /// Whether another client seems to serve the same service; see `displacement_detector`.
  bool is_displaced = false;
  /// Whether no further attempt follows, until `service_retry::retry_now`.
  bool gives_up = false;
  /// Compares all members.
  bool operator==(const report_failure&) const = default;
};

/// Reports to the owner of a `service_retry` that the service was stopped and no control channel is
/// left.
struct finish {
  /// Whether a control channel was established when the service was stopped.
  bool was_established = false;
  /// Compares all members.
  bool operator==(const finish&) const = default;
};

/// What a `service_retry` wants done.
using retry_action = std::variant<start_attempt, report_failure, finish>;

/// Decides when a client opens the control channel of one service, when it closes it, and how long
/// it pauses between two attempts. It does no input or output, reads no clock and allocates no
/// memory.
///
/// The owner reports what happens; after each report, and at `deadline`, it calls `poll` until that
/// returns nothing. It closes the control channel while `is_attempt_unwanted()`.
class service_retry {
 public:
  /// Makes the machine of a service whose first attempt starts at once. `retry_interval` bounds the
  /// pauses; see `control_backoff`.
  explicit service_retry(duration retry_interval) : backoff_(control_backoff(retry_interval)) {}

  /// Bounds the pauses from now on. A pause that has begun keeps its length.
  void set_retry_interval(duration retry_interval) {
    backoff_ = backoff(control_backoff(retry_interval));
  }

  /// Gives up after `most` retries in a row that the server did not accept; never, if there is no number.
  void set_max_retries(std::optional<std::size_t> most) { max_retries_ = most; }

  /// Returns whether the machine has given up.
  [[nodiscard]] bool has_given_up() const { return phase_ == phase::given_up; }

  /// Ends the pause if there is one, because the cause of the last failure may have been corrected.
  /// An attempt in progress continues, but if the server has not accepted it when it ends, the next
  /// one starts without a pause: it began before the correction.
  void retry_now() {
    backoff_.reset();
    displacement_.reset();
    failures_ = failovers_ = 0;
    if (phase_ == phase::pausing || phase_ == phase::given_up) pause_until(time_point::min());
    if (phase_ == phase::attempting) phase_ = phase::outdated;
  }

  /// Replaces an attempt in progress by another one, without a pause; otherwise does what
  /// `retry_now` does.
  void reconnect() {
    retry_now();
    if (phase_ == phase::outdated) phase_ = phase::reconnecting;
  }

  /// Starts no further attempt.
  void stop() {
    if (phase_ == phase::pausing || phase_ == phase::given_up) {
      end(false);
    } else if (phase_ != phase::finished) {
      phase_ = phase::stopping;
    }
  }

  /// Reports that the attempt, which `poll` started, ended at `now` because of `reason`.
  /// `was_established` says whether the server had accepted the service's token. If the next attempt
  /// goes to another server, `other_servers` is the number of these: as many attempts in a row start
  /// without a pause, and do not count as retries.
  template <Rng R>
  void attempt_ended(time_point now, std::error_code reason, bool was_established, R& rng,
                     std::size_t other_servers = 0) {
    assert(phase_ != phase::pausing && phase_ != phase::finished);
    if (phase_ == phase::stopping) return end(was_established);
    const bool repeats_at_once =
        phase_ == phase::reconnecting || (phase_ == phase::outdated && !was_established);
    const duration lasted = now - attempt_began_;
    if (was_established) {
      displacement_.note(reason, lasted);
    } else {
      displacement_.note_failed_attempt();
    }
    const bool is_displaced = displacement_.is_recurring();
    if (was_established) failovers_ = 0;
    const bool fails_over = !repeats_at_once && failovers_ < other_servers;
    failovers_ = fails_over ? failovers_ + 1 : 0;
    const bool has_pause = !repeats_at_once && !fails_over;
    const duration pause =
        has_pause ? pause_after(reason, lasted, is_displaced, rng) : duration::zero();
    if (was_established) {
      failures_ = 0;
    } else if (!fails_over) {
      ++failures_;
    }
    const bool gives_up = has_pause && max_retries_ && failures_ > *max_retries_;
    failure_ = report_failure{reason, gives_up ? duration::zero() : pause, was_established,
                              is_displaced, gives_up};
    pause_until(now + pause);
    if (gives_up) phase_ = phase::given_up;
  }

  /// Reports that memory ran out at `now`, in an attempt or a pause. The next attempt starts after
  /// `pause`; nothing is reported.
  void out_of_memory(time_point now, duration pause) {
    if (phase_ == phase::stopping) {
      end(false);
    } else if (phase_ != phase::finished) {
      pause_until(now + pause);
    }
  }

  /// Returns whether an attempt is in progress that must be closed.
  [[nodiscard]] bool is_attempt_unwanted() const {
    return phase_ == phase::reconnecting || phase_ == phase::stopping;
  }

  /// Returns the next thing to do at `now`, if any.
  std::optional<retry_action> poll(time_point now) {
    if (failure_) return std::exchange(failure_, std::nullopt);
    if (finish_) return std::exchange(finish_, std::nullopt);
    if (phase_ != phase::pausing || now < next_attempt_) return std::nullopt;
    phase_ = phase::attempting;
    attempt_began_ = now;
    return start_attempt{};
  }

  /// Returns when the next attempt starts; nothing during an attempt, after the end, and after it has given
  /// up.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (phase_ != phase::pausing) return std::nullopt;
    return next_attempt_;
  }

 private:
  enum class phase {
    /// No attempt is in progress; one starts at `next_attempt_`.
    pausing,
    attempting,
    /// `retry_now` was called during the attempt in progress.
    outdated,
    /// The attempt in progress must be closed and replaced at once.
    reconnecting,
    /// The attempt in progress must be closed, and is the last one.
    stopping,
    /// No attempt is in progress, and none starts before `retry_now`.
    given_up,
    finished,
  };

  void pause_until(time_point until) {
    phase_ = phase::pausing;
    next_attempt_ = until;
  }

  void end(bool was_established) {
    phase_ = phase::finished;
    finish_ = finish{was_established};
  }

  template <Rng R>
  duration pause_after(std::error_code reason, duration lasted, bool is_displaced, R& rng) {
    if (is_displaced) return displacement_.pause(rng);
    // A user must change something first, perhaps only on the server, which cannot notify the
    // client. The pauses grow, but no further than after any other failure.
    const bool is_refused = reason == errc::service_not_exist ||
                            reason == errc::authentication_failed || reason == errc::service_in_use;
    if (is_refused) return backoff_.next(rng);
    // The channel was established, and the heartbeat timeout was a long enough pause.
    const bool timed_out = reason == errc::heartbeat_timed_out;
    if (timed_out || lasted > stable_after) backoff_.reset();
    return timed_out ? duration(min_retry) : backoff_.next(rng);
  }

  backoff backoff_;
  displacement_detector displacement_;
  std::optional<std::size_t> max_retries_;
  /// The attempts in a row that the server did not accept.
  std::size_t failures_ = 0;
  /// The attempts in a row that another server followed without a pause.
  std::size_t failovers_ = 0;
  phase phase_ = phase::pausing;
  time_point next_attempt_ = time_point::min();
  time_point attempt_began_ = time_point::min();
  /// Actions that `poll` has not returned yet.
  std::optional<report_failure> failure_;
  std::optional<finish> finish_;
};

}  // namespace rathole::client_side
