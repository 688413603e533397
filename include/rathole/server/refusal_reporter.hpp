#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/refusals.hpp>

#include <functional>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Counts the refused connections of a server and reports a summary once per interval.
template <io::Runtime R>
class refusal_reporter {
 public:
  /// Makes a reporter that calls `on_report` at the end of each interval with refusals. The runtime
  /// must outlive it.
  refusal_reporter(R& runtime, std::move_only_function<void(const refusal_summary&)> on_report)
      : runtime_(runtime), timer_(runtime), on_report_(std::move(on_report)) {}

  /// Records that a connection from `peer` was refused. Returns whether it is the first with that
  /// kind of reason in the interval.
  bool note(const address& peer, std::error_code error) {
    const bool begins = !counter_.deadline();
    const bool is_first =
        counter_.note(refusal_of(error), protocol::source_network(peer.host), runtime_.now());
    if (begins && !closed_) timer_.arm(*counter_.deadline(), [this] { report(); });
    return is_first;
  }

  /// Reports what was not reported, and ends the timer.
  void close() {
    closed_ = true;
    timer_.disarm();
    report();
  }

 private:
  void report() {
    if (const auto summary = counter_.finish(runtime_.now())) on_report_(*summary);
  }

  R& runtime_;
  typename R::timer timer_;
  std::move_only_function<void(const refusal_summary&)> on_report_;
  refusal_counter counter_;
  bool closed_ = false;
};

}  // namespace rathole::server_side
