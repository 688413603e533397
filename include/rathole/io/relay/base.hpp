#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/idle_watch.hpp>
#include <rathole/io/relay/limits.hpp>
#include <rathole/io/relay/shutdown.hpp>
#include <rathole/io/relay/status.hpp>

#include <cstdint>
#include <optional>
#include <system_error>
#include <variant>

namespace rathole::io {

/// The part that all relays have in common: it performs what a `relay_shutdown` decides, and holds
/// the status. `Relay` derives from it, is its friend, reports to `ends()` and then calls
/// `perform_actions()`, and has these functions:
///
/// * `perform(end_sending)` ends our direction of a stream, and reports it to `ends()` as soon as
///   that is done.
/// * `close_both()` closes both streams in order, and `abort_both()` aborts them; then the relay is
///   over, and `run` returns as soon as nothing uses the streams.
/// * `traffic()` returns the `relay_traffic` so far, and `pending_at_start` is a constant: what is
///   pending when a watch starts, or `relay_traffic::undetermined`.
template <Runtime R, class Relay>
class relay_base {
 public:
  relay_base(const relay_base&) = delete;
  relay_base& operator=(const relay_base&) = delete;

  /// Aborts both streams; `run` then ends with `errc::stopped`.
  void stop() {
    ends_.stop();
    perform_actions();
  }

  /// Ends the relay like `stop`, once it has been idle for `idle`, counted from now at the
  /// earliest, and has delivered everything.
  void drain(duration idle) {
    ends_.drain(idle);
    perform_actions();
  }

  /// Pauses the relay once it has carried `bytes` in all: `run` returns at a moment when both
  /// directions are open and nothing is on its way through the relay. Must be called before `run`.
  void pause_after(std::uint64_t bytes) { pause_after_ = bytes; }
  /// Returns whether `run` has returned because of `pause_after`. Another relay, possibly on
  /// another thread, then continues this one: it is made from its runtime and this relay, which must
  /// exist until that one has been made, and has no other use any more.
  [[nodiscard]] bool is_paused() const { return is_paused_ && !is_over(); }

  /// Returns the byte counts so far. Must be called on the thread of its runtime.
  [[nodiscard]] const relay_status& status() const { return status_; }

 protected:
  /// Makes the base of a relay of the runtime `runtime`.
  relay_base(const R& runtime, const relay_limits& limits)
      : runtime_(runtime), ends_(limits), idle_(runtime_, *this) {}
  /// Makes the base of a relay of the runtime `runtime` that continues `paused`.
  relay_base(const R& runtime, const relay_base* paused)
      : runtime_(runtime), status_(paused->status_), ends_(paused->ends_), idle_(runtime_, *this) {}
  /// Destroys this part of a relay, which has ended.
  ~relay_base() = default;

  /// Returns the runtime of both streams.
  R& runtime() { return runtime_; }
  /// Returns the status, to count bytes.
  relay_status& counts() { return status_; }
  /// Returns the machine that decides how the relay ends.
  relay_shutdown& ends() { return ends_; }
  /// Returns whether the relay is over.
  [[nodiscard]] bool is_over() const { return ends_.is_over(); }

  /// Returns whether the relay has carried what `pause_after` says.
  [[nodiscard]] bool is_pause_due() const {
    return pause_after_ && status_.forth + status_.back >= *pause_after_;
  }
  /// Records that the relay is paused.
  void pause() {
    is_paused_ = true;
    idle_.stop();
  }

  /// Ends the relay because the stream `at` broke.
  void broke(relay_stream at, std::error_code reason) {
    ends_.broke(at, reason);
    perform_actions();
  }

  /// Ends the relay because of an error that is not a stream's.
  void fail(std::error_code reason) {
    ends_.fail(reason);
    perform_actions();
  }

  /// Performs everything that was decided.
  void perform_actions() {
    while (const auto action = ends_.poll()) {
      std::visit([this](const auto& each) { this->perform(each); }, *action);
    }
  }

 private:
  using idle_watch_type = idle_watch<R, relay_base>;
  friend idle_watch_type;

  Relay& relay() { return static_cast<Relay&>(*this); }

  void perform(const end_sending& action) { relay().perform(action); }
  void perform(const watch_idle& action) { idle_.start(action); }
  void perform(const io::close_both&) {
    idle_.stop();
    relay().close_both();
  }
  void perform(const io::abort_both& action) {
    status_.error = action.reason;
    status_.first_broke = action.first_broke;
    idle_.stop();
    relay().abort_both();
  }

  [[nodiscard]] relay_traffic traffic() { return relay().traffic(); }
  /// Most relays end before the first sample, so the first one must cost nothing.
  [[nodiscard]] relay_traffic traffic_at_start() const {
    return {status_.forth + status_.back, Relay::pending_at_start};
  }
  void was_idle() {
    ends_.was_idle();
    perform_actions();
  }

  R runtime_;
  relay_status status_;
  relay_shutdown ends_;
  idle_watch_type idle_;
  std::optional<std::uint64_t> pause_after_;
  bool is_paused_ = false;
};

}  // namespace rathole::io
