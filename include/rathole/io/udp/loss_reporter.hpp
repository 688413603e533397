#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <chrono>
#include <functional>
#include <utility>

namespace rathole::io {

/// The shortest time between two reports of lost datagrams.
inline constexpr std::chrono::seconds udp_report_interval{60};

/// Counts the datagrams of a UDP service and reports losses: the first at once, further ones at
/// most once per `udp_report_interval`.
template <Runtime R>
class udp_loss_reporter {
 public:
  /// Makes a reporter. `on_report` is called with what was counted since the last report. The
  /// runtime must outlive the reporter.
  udp_loss_reporter(R& runtime,
                    std::move_only_function<void(const protocol::udp_counters&)> on_report)
      : runtime_(runtime), timer_(runtime), on_report_(std::move(on_report)) {}

  /// The counters. The owner changes them, and calls `check` after losses.
  protocol::udp_counters counts;

  /// Reports new losses, now or when the next report is allowed.
  void check() {
    if (waiting_ || counts.lost() == reported_.lost()) return;
    report();
    waiting_ = true;
    timer_.arm(runtime_.now() + udp_report_interval, [this] {
      waiting_ = false;
      check();
    });
  }

  /// Reports what was not reported, and ends reporting.
  void close() {
    timer_.disarm();
    waiting_ = true;
    if (counts.lost() != reported_.lost()) report();
  }

 private:
  void report() {
    const protocol::udp_counters since = counts - reported_;
    reported_ = counts;
    on_report_(since);
  }

  R& runtime_;
  typename R::timer timer_;
  std::move_only_function<void(const protocol::udp_counters&)> on_report_;
  protocol::udp_counters reported_;
  bool waiting_ = false;
};

}  // namespace rathole::io
