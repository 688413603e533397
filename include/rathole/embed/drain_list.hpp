#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/version.hpp>

#include <asio/error.hpp>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The calls of `async_drain` that wait until no connection is active. The earliest of their
/// deadlines ends the waiting of all, because it resets the connections.
class drain_list {
 public:
  /// Adds a call that waits for `timeout`, without a limit if that is longer than the clock runs.
  /// Returns the earliest deadline of all calls.
  time_point add(time_point now, duration timeout, completion<> done) {
    waiting_.push_back(std::move(done));
    const bool has_limit = timeout < time_point::max() - now;
    earliest_ = std::min(earliest_, has_limit ? now + timeout : time_point::max());
    return earliest_;
  }

  /// Records that the connections are reset, because the earliest deadline has passed.
  void deadline_passed() { result_ = errc::timed_out; }

  /// Records that connections are reset for another reason, if a call waits.
  void connections_reset() {
    if (!waiting_.empty() && !result_) result_ = asio::error::operation_aborted;
  }

  /// Completes all calls, because no connection is active any more: with `errc::timed_out` if they
  /// were reset at the deadline, and with `asio::error::operation_aborted` if earlier.
  void complete() {
    earliest_ = time_point::max();
    const std::error_code result = std::exchange(result_, {});
    for (auto& each : std::exchange(waiting_, {})) each(result);
  }

  /// Destroys the handlers of all calls, without calling them.
  void drop_handlers() { const auto dropped = std::exchange(waiting_, {}); }

  /// Returns whether no call waits.
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  std::vector<completion<>> waiting_;
  time_point earliest_ = time_point::max();
  std::error_code result_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
