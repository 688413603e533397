#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <chrono>
#include <functional>
#include <utility>

namespace rathole::io {

/// Losses of datagrams are told of once in this time.
inline constexpr std::chrono::seconds udp_report_interval{60};

/// The counters of a UDP service, and who is told of its losses: the first at once, further ones
/// once per `udp_report_interval`.
template <Runtime R>
class udp_ledger {
 public:
  /// `tell` gets what was counted since it was told last. The runtime outlives the ledger.
  udp_ledger(R& runtime, std::move_only_function<void(const protocol::udp_counters&)> tell)
      : runtime_(runtime), timer_(runtime), tell_(std::move(tell)) {}

  /// Changed by the owner, who calls `check` after losses.
  protocol::udp_counters counts;

  void check() {
    if (waiting_ || counts.lost() == told_.lost()) return;
    report();
    waiting_ = true;
    timer_.arm(runtime_.now() + udp_report_interval, [this] {
      waiting_ = false;
      check();
    });
  }

  /// Tells what was not told, and never tells again.
  void close() {
    timer_.disarm();
    waiting_ = true;
    if (counts.lost() != told_.lost()) report();
  }

 private:
  void report() {
    protocol::udp_counters since = counts;
    since.sent -= told_.sent;
    since.received -= told_.received;
    since.queue_full -= told_.queue_full;
    since.refused -= told_.refused;
    since.unknown_visitor -= told_.unknown_visitor;
    since.evicted -= told_.evicted;
    told_ = counts;
    tell_(since);
  }

  R& runtime_;
  typename R::timer timer_;
  std::move_only_function<void(const protocol::udp_counters&)> tell_;
  protocol::udp_counters told_;
  bool waiting_ = false;
};

}  // namespace rathole::io
