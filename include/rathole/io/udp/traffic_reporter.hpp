#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace rathole::io {

/// The time between two reports of the traffic of a UDP service.
inline constexpr std::chrono::seconds udp_traffic_interval{5};

/// What a UDP service has carried since the last report.
struct udp_traffic {
  /// The counters since the last report.
  protocol::udp_counters since = {};
  /// How many visitors are remembered now.
  std::size_t visitors = 0;
};

/// Reports what a UDP service carries once in `udp_traffic_interval`, as long as there are visitors or
/// traffic.
template <Runtime R>
class udp_traffic_reporter {
 public:
  /// A function that receives a report; empty if nobody wants any.
  using handler = std::move_only_function<void(const udp_traffic&)>;

  /// Makes a reporter of `counts`, which it, `runtime` and what `visitors` refers to must outlive.
  /// `visitors` returns how many visitors are remembered.
  udp_traffic_reporter(R& runtime, const protocol::udp_counters& counts,
                       std::function<std::size_t()> visitors, handler on_report)
      : runtime_(runtime),
        timer_(runtime),
        counts_(counts),
        visitors_(std::move(visitors)),
        on_report_(std::move(on_report)) {}

  /// Must be called after each change of the counters.
  void check() {
    if (is_armed_ || !on_report_) return;
    arm();
  }

  /// Reports what was not reported, and that no visitor is left, and ends reporting.
  void close() {
    timer_.disarm();
    if (is_armed_) report(0);
    on_report_ = nullptr;
  }

 private:
  void arm() {
    is_armed_ = true;
    timer_.arm(runtime_.now() + udp_traffic_interval, [this] {
      is_armed_ = false;
      const std::size_t visitors = visitors_();
      const bool goes_on = visitors > 0 || counts_ != reported_;
      report(visitors);
      if (goes_on) arm();
    });
  }

  void report(std::size_t visitors) {
    const udp_traffic traffic{.since = counts_ - reported_, .visitors = visitors};
    reported_ = counts_;
    on_report_(traffic);
  }

  R& runtime_;
  typename R::timer timer_;
  const protocol::udp_counters& counts_;
  const std::function<std::size_t()> visitors_;
  handler on_report_;
  protocol::udp_counters reported_;
  bool is_armed_ = false;
};

}  // namespace rathole::io
