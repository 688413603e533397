#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/task.hpp>
#include <rathole/sim/own_memory.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <new>
#include <utility>

namespace rathole::sim {

/// The reason why a run of the simulation ended.
enum class outcome {
  /// The condition became true.
  done,
  /// The time limit was reached first.
  late,
  /// Nothing is ready and nothing is scheduled, so nothing can happen any more.
  quiet,
  /// The limit on the number of steps was reached, because coroutines wake each other endlessly.
  livelock,
};

/// Holds the virtual clock and decides what runs next. An `asio::io_context` serves as the first-in
/// first-out queue of ready handlers; it never sees a socket, a signal or an expiring timer. Only
/// when no handler is ready does time advance to the next scheduled callback. Callbacks of the same
/// time run in the order in which they were scheduled. A handler that throws `std::bad_alloc` ends,
/// and the others continue, as in `io::run_context`.
class scheduler {
 public:
  /// The type of scheduled functions.
  using callback = std::move_only_function<void()>;

  /// The handle of a scheduled callback.
  struct ticket {
    /// When it is scheduled.
    time_point at;
    /// Its number; numbers increase.
    std::uint64_t number;
    /// Orders by the members in the order of their declaration.
    auto operator<=>(const ticket&) const = default;
  };

  /// The time at which every simulation begins.
  static constexpr time_point beginning{std::chrono::hours(1)};

  /// Makes a scheduler with one queue, at the time `beginning`.
  scheduler() { add_queue(plain_turn); }
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  /// A function that runs one ready handler of a context with `poll_one()`, and returns its result.
  using turn_function = std::move_only_function<std::size_t(asio::io_context&)>;

  /// Adds a queue of ready handlers, whose turns alternate with those of the others; returns its
  /// executor. `turn` runs each handler, so it can distinguish the work of one program.
  io::executor add_queue(turn_function turn) {
    return queues_.emplace_back(std::move(turn)).context.get_executor();
  }

  /// Returns the executor of the first queue.
  io::executor get_executor() { return queues_.front().context.get_executor(); }
  /// Returns the virtual time.
  [[nodiscard]] time_point now() const { return now_; }

  /// Returns how many handlers and callbacks have run.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  /// Schedules `action` at `at`, or as the next callback if that time has passed; it never runs
  /// inside this call. `time_point::max()` means never.
  ticket call_at(time_point at, callback action) {
    const own_memory here;
    const ticket issued{std::max(at, now_), ++tickets_};
    if (!stopped_) scheduled_.emplace(issued, std::move(action));
    return issued;
  }

  /// Cancels a scheduled callback; has no effect if it has run.
  void forget(const ticket& issued) { scheduled_.erase(issued); }

  /// Calls `look(settled)` after every later step. `settled` says that nothing more will happen at
  /// this time. An exception of `look` ends the run.
  void watch(std::move_only_function<void(bool settled)> look) { look_ = std::move(look); }

  /// Runs until `condition()`, which is evaluated after every step, is true, but not beyond
  /// `limit`.
  template <class Condition>
  outcome run_until(Condition&& condition, time_point limit) {
    const std::uint64_t last_step = steps_ + max_steps;
    std::uint64_t last_step_at_once = steps_ + max_steps_at_once;
    for (;;) {
      if (condition()) return outcome::done;
      if (steps_ >= std::min(last_step, last_step_at_once)) return outcome::livelock;
      ++steps_;
      if (run_ready()) {
        look(false);
        continue;
      }
      if (scheduled_.empty() || scheduled_.begin()->first.at > now_) look(true);
      if (scheduled_.empty() || scheduled_.begin()->first.at == time_point::max()) {
        return outcome::quiet;
      }
      if (scheduled_.begin()->first.at > limit) {
        now_ = std::max(now_, limit);
        return outcome::late;
      }
      auto next = scheduled_.extract(scheduled_.begin());
      if (next.key().at > now_) last_step_at_once = steps_ + max_steps_at_once;
      now_ = next.key().at;
      next.mapped()();
      look(false);
    }
  }

  /// Advances the clock to `at`, for the time after the last event; has no effect if that time has
  /// passed.
  void advance_to(time_point at) { now_ = std::max(now_, at); }

  /// Drops everything that is scheduled, and ignores further calls of `call_at`, such as those of
  /// coroutines that are destroyed.
  void stop() {
    stopped_ = true;
    // Callbacks own connections, whose destructors may call this object.
    const auto dropped = std::exchange(scheduled_, {});
  }

 private:
  // A run in the tests of this library takes some thousand steps for each simulated connection.
  static constexpr std::uint64_t max_steps = 10'000'000;
  static constexpr std::uint64_t max_steps_at_once = 300'000;

  struct queue {
    explicit queue(turn_function how) : turn(std::move(how)) {}

    turn_function turn;
    asio::io_context context{1};
    asio::executor_work_guard<io::executor> never_out_of_work{context.get_executor()};
  };

  static std::size_t plain_turn(asio::io_context& context) { return context.poll_one(); }

  /// Runs the next ready handler; returns false if there is none.
  bool run_ready() {
    for (std::size_t left = queues_.size(); left > 0; --left) {
      queue& next = queues_[next_queue_];
      next_queue_ = (next_queue_ + 1) % queues_.size();
      try {
        if (next.turn(next.context) != 0) return true;
      } catch (const std::bad_alloc&) {
        return true;
      }
    }
    return false;
  }

  void look(bool settled) {
    if (look_) look_(settled);
  }

  std::move_only_function<void(bool)> look_;
  std::map<ticket, callback> scheduled_;
  time_point now_ = beginning;
  std::uint64_t tickets_ = 0;
  std::uint64_t steps_ = 0;
  bool stopped_ = false;
  std::size_t next_queue_ = 0;
  // Declared after the others, because its destructor destroys the suspended coroutines, which use
  // the members above.
  std::deque<queue> queues_;
};

}  // namespace rathole::sim
