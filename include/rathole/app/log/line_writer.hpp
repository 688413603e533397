#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/run/detached_thread.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::app {

/// Writes lines to a descriptor on a thread of its own, so that a stalled reader (an unread pipe, a
/// suspended terminal, a journal that restarts) blocks nothing else. Lines keep their order. Lines
/// for which the backlog has no room, or that the system refuses, are dropped and counted, and a
/// line in their place gives the number. Any thread may add lines.
class line_writer {
 public:
  /// The largest size of the lines that wait, in bytes; the same amount may be under way in
  /// addition.
  static constexpr std::size_t max_backlog = std::size_t{256} << 10;

  /// A function that returns the line, including its end, that reports `count` dropped lines.
  /// Called on the writer's thread.
  using notice = std::function<std::string(std::uint64_t count)>;

  /// Starts to write to `to`, which must stay open as long as `owner` exists, or the process if it is
  /// null. Throws `std::system_error` if no thread can be started.
  line_writer(int to, notice format_dropped, std::shared_ptr<const void> owner = nullptr)
      : state_(std::make_shared<shared_state>(to, std::move(format_dropped), std::move(owner))),
        thread_([state = state_] { state->run(); }) {}
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;

  /// Writes the remaining lines, but waits no longer than `flush_timeout`. A thread that is blocked
  /// then is left to the end of the process.
  ~line_writer() {
    const bool is_done = flush(flush_timeout);
    {
      const std::lock_guard held(state_->guard);
      state_->is_ending = true;
    }
    state_->changed.notify_one();
    is_done ? thread_.join() : thread_.detach();
  }

  /// The longest time that the destructor waits for lines to be written.
  static constexpr std::chrono::seconds flush_timeout{1};

  /// Adds a line, including its end. Never waits for the reader.
  void add(std::string_view line) noexcept {
    {
      const std::lock_guard held(state_->guard);
      state_->add(line);
    }
    state_->changed.notify_one();
  }

  /// Counts a line that could not be produced.
  void add_dropped() noexcept {
    const std::lock_guard held(state_->guard);
    ++state_->dropped;
  }

  /// Waits until all lines so far are written, at most for `timeout`; returns whether they are.
  bool flush(duration timeout) {
    std::unique_lock held(state_->guard);
    return state_->idle.wait_for(held, timeout,
                                 [this] { return state_->backlog.empty() && !state_->is_busy; });
  }

 private:
  struct shared_state {
    shared_state(int to, notice say, std::shared_ptr<const void> keep)
        : descriptor(to), owner(std::move(keep)), format_dropped(std::move(say)) {}

    /// Adds a line. Once a line is dropped, the following ones are too, so that there is no
    /// unmarked gap.
    void add(std::string_view line) noexcept {
      is_full = is_full || backlog.size() + line.size() > max_backlog;
      if (is_full || !append(line)) ++dropped;
    }

    /// Appends a line; returns false if memory has run out.
    bool append(std::string_view line) noexcept {
      try {
        backlog.append(line);
        return true;
      } catch (const std::exception&) {
        return false;
      }
    }

    void run() {
      std::unique_lock held(guard);
      for (;;) {
        changed.wait(held, [this] { return !backlog.empty() || is_ending; });
        if (backlog.empty()) return;
        std::string batch = std::exchange(backlog, {});
        const std::uint64_t lost = std::exchange(dropped, 0);
        is_full = false;
        is_busy = true;
        held.unlock();
        const std::uint64_t lost_again = write(std::move(batch), lost);
        held.lock();
        dropped += lost_again;
        is_busy = false;
        idle.notify_all();
      }
    }

    /// Writes `batch`, and a notice that `lost` lines after it are missing; returns how many lines
    /// are lost.
    std::uint64_t write(std::string batch, std::uint64_t lost) {
      bool is_said = false;
      try {
        if (is_mid_line) batch.insert(batch.begin(), '\n');
        if (lost > 0) batch += format_dropped(lost), is_said = true;
      } catch (const std::exception&) {
        // The notice is written with the next batch.
      }
      const std::string_view rest = write_all(batch);
      const std::size_t written = batch.size() - rest.size();
      if (written > 0) is_mid_line = batch[written - 1] != '\n';
      const auto lines = static_cast<std::uint64_t>(std::ranges::count(rest, '\n'));
      if (!is_said) return lost + lines;
      return rest.empty() ? 0 : lost + lines - 1;
    }

    /// Writes `text`; returns the part that the system refuses.
    [[nodiscard]] std::string_view write_all(std::string_view text) const {
      while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count >= 0) {
          text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
          // Another program has set the descriptor to non-blocking mode, or it is a pipe that nobody reads
          // and that may be replaced.
          pollfd entry{.fd = descriptor, .events = POLLOUT, .revents = 0};
          ::poll(&entry, 1, retry_milliseconds);
        } else if (errno != EINTR) {
          break;
        }
      }
      return text;
    }

    static constexpr int retry_milliseconds = 250;

    const int descriptor;
    const std::shared_ptr<const void> owner;
    const notice format_dropped;
    std::mutex guard;
    std::condition_variable changed;
    std::condition_variable idle;
    std::string backlog;
    std::uint64_t dropped = 0;
    /// Whether a line was dropped since the last batch was taken.
    bool is_full = false;
    bool is_busy = false;
    bool is_ending = false;
    /// Whether the last line that was written has no end, because the system refused the rest. Used by the
    /// writer's thread.
    bool is_mid_line = false;
  };

  std::shared_ptr<shared_state> state_;
  std::thread thread_;
};

/// Destroys `writer`, which may be null, without waiting for its reader.
inline void end_later(std::unique_ptr<line_writer> writer) {
  if (!writer) return;
  try {
    io::start_detached([old = std::shared_ptr(std::move(writer))]() mutable { old.reset(); });
  } catch (const std::system_error&) {
    // There is no thread for it, so it has been destroyed here.
  }
}

}  // namespace rathole::app
