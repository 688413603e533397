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

/// Simulates a network of hosts in virtual time, in one thread. Programs that are generic over
/// `io::Runtime` run in it unmodified. Everything that happens is determined by the seed and by the
/// calls of the test.
///
/// The world must outlive everything in it, except for suspended coroutines, which its destructor
/// destroys.
class world {
 public:
  /// Makes an empty network; `seed` determines all random choices.
  explicit world(std::uint64_t seed) : network_(scheduler_, seed) {}
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  /// Destroys the suspended coroutines, then the network.
  ~world() {
    scheduler_.stop();
    network_.drop();
  }

  /// Returns a runtime for a program on the host `name`. Several calls for one name return the same
  /// host.
  runtime make_runtime(std::string_view name) { return {scheduler_, network_, network_.at(name)}; }

  /// Returns the network, where a test sets conditions and causes failures.
  network& net() { return network_; }

  /// Returns the executor of the simulation.
  io::executor get_executor() { return scheduler_.get_executor(); }
  /// Returns the virtual time.
  [[nodiscard]] time_point now() const { return scheduler_.now(); }

  /// Returns the virtual time since the simulation began.
  [[nodiscard]] duration elapsed() const { return now() - scheduler::beginning; }

  /// Returns how many handlers and callbacks have run; equal in equal runs.
  [[nodiscard]] std::uint64_t steps() const { return scheduler_.steps(); }

  /// Schedules `action` at `at`; see `scheduler::call_at`.
  void call_at(time_point at, scheduler::callback action) {
    scheduler_.call_at(at, std::move(action));
  }

  /// Calls `look(settled)` after every later step. `settled` says that nothing more will happen at
  /// this time. An exception of `look` ends the run.
  void watch(std::move_only_function<void(bool settled)> look) {
    scheduler_.watch(std::move(look));
  }

  /// Runs until `condition()` is true, but no longer than `timeout` of virtual time.
  template <class Condition>
  outcome run_until(Condition&& condition, duration timeout = std::chrono::hours(1)) {
    return scheduler_.run_until(std::forward<Condition>(condition), now() + timeout);
  }

  /// Runs for `length` of virtual time. Returns `outcome::late`, or `outcome::livelock`.
  outcome run_for(duration length) {
    const time_point end = now() + length;
    const outcome why = scheduler_.run_until([] { return false; }, end);
    if (why == outcome::livelock) return why;
    scheduler_.advance_to(end);
    return outcome::late;
  }

  /// Runs until nothing is ready or scheduled, but no longer than `timeout` of virtual time.
  outcome run_until_quiet(duration timeout = std::chrono::hours(1)) {
    return run_until([] { return false; }, timeout);
  }

 private:
  network network_;
  // Declared after the network, because its destructor destroys the suspended coroutines, which use
  // the network.
  scheduler scheduler_;
};

}  // namespace rathole::sim
