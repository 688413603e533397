#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/relay/limits.hpp>

#include <algorithm>
#include <cassert>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::io {

/// One of the two streams of a relay.
enum class relay_stream {
  /// The one whose bytes `relay_status::forth` counts.
  first,
  /// The one whose bytes `relay_status::back` counts.
  second
};

/// Returns the stream that gets the bytes of `one`.
constexpr relay_stream other(relay_stream one) {
  return one == relay_stream::first ? relay_stream::second : relay_stream::first;
}

/// Asks a relay to end our direction of the stream `at`, to which all bytes have been written, and
/// to report that with `relay_shutdown::sending_ended`.
struct end_sending {
  /// The stream.
  relay_stream at{};
  /// Whether `close_both` will follow, so that a stream whose closing signals the end needs nothing
  /// else.
  bool is_last = false;
  /// Compares all members.
  bool operator==(const end_sending&) const = default;
};

/// Asks a relay to report with `relay_shutdown::was_idle` once it has been idle for `limit`, counted
/// from now. This replaces the previous limit.
struct watch_idle {
  /// How long the relay may be idle; more than zero.
  duration limit{};
  /// Whether bytes that are not delivered yet count as traffic even if they do not move.
  bool until_delivered = false;
  /// Compares all members.
  bool operator==(const watch_idle&) const = default;
};

/// Asks a relay to close both streams in order, because both directions have ended. The relay is
/// over.
struct close_both {
  /// All are equal.
  bool operator==(const close_both&) const = default;
};

/// Asks a relay to abort both streams, so that neither peer mistakes a broken transfer for a
/// finished one. The relay is over.
struct abort_both {
  /// Why.
  std::error_code reason;
  /// Whether the first stream broke.
  bool first_broke = false;
  /// Compares all members.
  bool operator==(const abort_both&) const = default;
};

/// What a `relay_shutdown` wants done.
using relay_action = std::variant<end_sending, watch_idle, close_both, abort_both>;

/// Decides how a relay ends: when the end of one stream is passed on to the other, how long the
/// relay may be idle, and whether both streams are closed in order or aborted. It does no input or
/// output, reads no clock and allocates no memory. It takes no part in carrying bytes.
///
/// The relay reports what happens, and after each report calls `poll` until that returns nothing.
/// The last action is `close_both` or `abort_both`, and there is exactly one; later reports have no
/// effect.
///
/// Each direction has a state:
///
/// | state      | report          | action                           | next       |
/// |------------|-----------------|----------------------------------|------------|
/// | carrying   | `source_ended`  | `watch_idle` for the first       | delivering |
/// | delivering | `all_written`   | `end_sending`                    | ending     |
/// | any        | `sending_ended` | `close_both` if both are `ended` | ended      |
/// | any        | `broke`, `fail` | `abort_both`                     |            |
///
/// Compat: upstream passes ends on in the same way. It has no idle limits, and closes the streams of
/// a broken connection as if it had ended in order.
class relay_shutdown {
 public:
  /// Makes the machine of a relay that has not started.
  explicit relay_shutdown(const relay_limits& limits) : limits_(limits) {}

  /// Reports that the relay starts to carry bytes.
  void start() { restart_idle(); }

  /// Reports that the stream `from` has ended its direction. Bytes of it may still wait to be
  /// written to the other stream.
  void source_ended(relay_stream from) {
    direction& way = into(other(from));
    if (is_over_ || way.now != state::carrying) return;
    way.now = state::delivering;
    half_closed();
  }

  /// Reports that the stream `to` has accepted all bytes that were read from the other one. Has no
  /// effect while the other one has not ended.
  void all_written(relay_stream to) {
    direction& way = into(to);
    if (is_over_ || way.now != state::delivering) return;
    way.now = state::ending;
    way.is_end_due = true;
  }

  /// Reports that our direction of the stream `at` has ended, because of `end_sending` or because
  /// the stream takes no more bytes.
  void sending_ended(relay_stream at) {
    if (is_over_) return;
    into(at) = {state::ended, false};
    half_closed();
    if (into(other(at)).now == state::ended) end();
  }

  /// Reports that the stream `at` broke: reading from it, or writing to it, failed because of
  /// `reason`, which must be an error.
  void broke(relay_stream at, std::error_code reason) { abort(reason, at == relay_stream::first); }

  /// Reports that the relay cannot continue because of `reason`, which must be an error and not one
  /// of a stream.
  void fail(std::error_code reason) { abort(reason, false); }

  /// Reports that the relay must end at once.
  void stop() { fail(errc::stopped); }

  /// Reports that the relay must end like `stop` once it has been idle for `idle`, counted from now
  /// at the earliest, and has delivered everything. Has no effect if `idle` is zero.
  void drain(duration idle) {
    if (idle == duration::zero()) return;
    draining_ = idle;
    restart_idle();
  }

  /// Reports that the relay has been idle for as long as `watch_idle` said.
  void was_idle() { fail(is_draining() ? errc::stopped : errc::timed_out); }

  /// Returns the next thing to do, if any.
  std::optional<relay_action> poll() {
    for (const relay_stream to : {relay_stream::first, relay_stream::second}) {
      if (!std::exchange(into(to).is_end_due, false)) continue;
      return end_sending{to, into(other(to)).now == state::ended};
    }
    if (std::exchange(is_watch_due_, false)) return watch_idle{idle_limit(), is_draining()};
    if (!std::exchange(is_last_due_, false)) return std::nullopt;
    if (reason_) return abort_both{reason_, first_broke_};
    return close_both();
  }

  /// Returns whether `close_both` or `abort_both` was decided.
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  /// The states of a direction; see the table.
  enum class state : unsigned char { carrying, delivering, ending, ended };

  struct direction {
    state now = state::carrying;
    /// Whether `poll` has to return `end_sending`.
    bool is_end_due = false;
  };

  direction& into(relay_stream to) {
    return to == relay_stream::first ? into_first_ : into_second_;
  }

  [[nodiscard]] bool is_draining() const { return draining_ != duration::zero(); }

  /// Returns how long the relay may be idle now; zero if there is no limit.
  [[nodiscard]] duration idle_limit() const {
    const duration limit = limits_.of(is_half_closed_);
    if (!is_draining()) return limit;
    return limit == duration::zero() ? draining_ : std::min(limit, draining_);
  }

  /// Records that one direction has ended, which counts as traffic if it is the first one.
  void half_closed() {
    if (!std::exchange(is_half_closed_, true)) restart_idle();
  }

  void restart_idle() { is_watch_due_ = !is_over_ && idle_limit() != duration::zero(); }

  void abort(std::error_code reason, bool first_broke) {
    assert(reason);
    if (is_over_) return;
    reason_ = reason;
    first_broke_ = first_broke;
    end();
  }

  void end() {
    into_first_.is_end_due = into_second_.is_end_due = is_watch_due_ = false;
    is_over_ = is_last_due_ = true;
  }

  relay_limits limits_;
  /// How long the relay may be idle because it drains; zero if it does not drain.
  duration draining_ = duration::zero();
  /// Why the relay was aborted.
  std::error_code reason_;
  bool first_broke_ = false;
  /// The directions, by the stream that they lead to.
  direction into_first_;
  direction into_second_;
  /// Whether one direction has ended.
  bool is_half_closed_ = false;
  /// Whether `poll` has to return `watch_idle`.
  bool is_watch_due_ = false;
  /// Whether `poll` has to return the last action.
  bool is_last_due_ = false;
  bool is_over_ = false;
};

}  // namespace rathole::io
