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

/// Why a run of the simulation ended.
enum class outcome {
  /// The condition holds.
  done,
  /// The time limit came first.
  late,
  /// Nothing is ready and nothing is scheduled, so nothing will ever happen again.
  quiet,
  /// A step bound was reached: coroutines keep waking one another.
  livelock,
};

/// The virtual clock, and who runs next. An `asio::io_context` serves as first-in first-out queue of
/// ready handlers; it never sees a socket, a signal or an expiring timer. Only when no handler is
/// ready does time jump to the next scheduled callback; callbacks of one time run in the order in
/// which they were scheduled. A handler that throws `std::bad_alloc` is over, and the others go on, as
/// in `io::run_context`.
class scheduler {
 public:
  using callback = std::move_only_function<void()>;

  /// Names a scheduled callback.
  struct ticket {
    time_point at;
    std::uint64_t number;
    auto operator<=>(const ticket&) const = default;
  };

  /// When every simulation begins.
  static constexpr time_point beginning{std::chrono::hours(1)};

  scheduler() { add_queue(plain_turn); }
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  /// Runs one ready handler of a context by its `poll_one()`, whose result it returns.
  using turn_function = std::move_only_function<std::size_t(asio::io_context&)>;

  /// Adds a queue of ready handlers, whose turns alternate with those of the others. `turn` may tell
  /// the work of one program from that of others.
  io::executor add_queue(turn_function turn) {
    return queues_.emplace_back(std::move(turn)).context.get_executor();
  }

  io::executor get_executor() { return queues_.front().context.get_executor(); }
  [[nodiscard]] time_point now() const { return now_; }

  /// Handlers and callbacks run so far.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  /// Runs `action` at `at`, or next if that is past; never inside this call. `time_point::max()`
  /// is never.
  ticket call_at(time_point at, callback action) {
    const own_memory here;
    const ticket issued{std::max(at, now_), ++tickets_};
    if (!stopped_) scheduled_.emplace(issued, std::move(action));
    return issued;
  }

  /// Takes back what was scheduled; nothing happens if it already ran.
  void forget(const ticket& issued) { scheduled_.erase(issued); }

  /// Calls `look(settled)` after every step from now on; `settled` tells that nothing more will
  /// happen at this time. What `look` throws ends the run.
  void watch(std::move_only_function<void(bool settled)> look) { look_ = std::move(look); }

  /// Runs until `condition()` holds, which is asked after every step, but not beyond `limit`.
  template <class Condition>
  outcome run_until(Condition&& condition, time_point limit) {
    const std::uint64_t last_step = steps_ + most_steps;
    std::uint64_t last_step_at_once = steps_ + most_steps_at_once;
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
      if (next.key().at > now_) last_step_at_once = steps_ + most_steps_at_once;
      now_ = next.key().at;
      next.mapped()();
      look(false);
    }
  }

  /// Moves the clock to `at` if it is before that; for the time after the last event.
  void advance_to(time_point at) { now_ = std::max(now_, at); }

  /// Drops everything scheduled and takes no more; what coroutines still say when they are
  /// destroyed leads nowhere.
  void stop() {
    stopped_ = true;
    // Callbacks own connections, whose destructors may come back here.
    const auto dropped = std::exchange(scheduled_, {});
  }

 private:
  // A run of this library's size takes some thousand steps per simulated connection.
  static constexpr std::uint64_t most_steps = 10'000'000;
  static constexpr std::uint64_t most_steps_at_once = 300'000;

  struct queue {
    explicit queue(turn_function how) : turn(std::move(how)) {}

    turn_function turn;
    asio::io_context context{1};
    asio::executor_work_guard<io::executor> never_out_of_work{context.get_executor()};
  };

  static std::size_t plain_turn(asio::io_context& context) { return context.poll_one(); }

  /// Runs the next ready handler; false if there is none.
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
  // Below the rest: its destructor ends the suspended coroutines, which still use what is above.
  std::deque<queue> queues_;
};

}  // namespace rathole::sim
