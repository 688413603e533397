#pragma once

#include <rathole/core/time.hpp>
#include <rathole/sim/network.hpp>
#include <rathole/sim/runtime.hpp>
#include <rathole/sim/scheduler.hpp>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace rathole::sim {

/// A network of hosts in virtual time, in one thread. Programs that are generic over `io::Runtime`
/// run in it unmodified. Everything that happens follows from the seed and the test's own calls.
///
/// The world outlives what lives in it, but for suspended coroutines: these it ends itself, at its
/// own end.
class world {
 public:
  explicit world(std::uint64_t seed) : network_(scheduler_, seed) {}
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world() {
    scheduler_.stop();
    network_.drop();
  }

  /// What a program on host `name` lives in. Several calls for one name speak of the same host.
  runtime make_runtime(std::string_view name) { return {scheduler_, network_, network_.at(name)}; }

  /// The hosts, the links and their troubles.
  network& net() { return network_; }

  io::executor get_executor() { return scheduler_.get_executor(); }
  [[nodiscard]] time_point now() const { return scheduler_.now(); }

  /// Virtual time since the world began.
  [[nodiscard]] duration elapsed() const { return now() - scheduler::beginning; }

  /// Handlers and callbacks run so far: equal in equal runs.
  [[nodiscard]] std::uint64_t steps() const { return scheduler_.steps(); }

  /// Runs `action` at `at`.
  void call_at(time_point at, scheduler::callback action) {
    scheduler_.call_at(at, std::move(action));
  }

  /// Calls `look(settled)` after every step from now on; `settled` tells that nothing more will
  /// happen at this time. What `look` throws ends the run.
  void watch(std::move_only_function<void(bool settled)> look) {
    scheduler_.watch(std::move(look));
  }

  /// Runs until `condition()` holds, but no longer than `patience` of virtual time.
  template <class Condition>
  outcome run_until(Condition&& condition, duration patience = std::chrono::hours(1)) {
    return scheduler_.run_until(std::forward<Condition>(condition), now() + patience);
  }

  /// Runs for `length` of virtual time: `outcome::late`, or `outcome::livelock`.
  outcome run_for(duration length) {
    const time_point end = now() + length;
    const outcome why = scheduler_.run_until([] { return false; }, end);
    if (why == outcome::livelock) return why;
    scheduler_.advance_to(end);
    return outcome::late;
  }

  /// Runs until nothing is ready or scheduled, but no longer than `patience` of virtual time.
  outcome run_until_quiet(duration patience = std::chrono::hours(1)) {
    return run_until([] { return false; }, patience);
  }

 private:
  network network_;
  // Below the network: its destructor ends the suspended coroutines, which still use what is above.
  scheduler scheduler_;
};

}  // namespace rathole::sim
