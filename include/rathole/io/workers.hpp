#pragma once

#include <rathole/io/poll/poller.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace rathole::io {

/// The most descriptors that a worker thread needs: an epoll set, an eventfd and a timerfd for Asio, and
/// the set of its `poller`.
inline constexpr std::size_t descriptors_per_worker = 4;

/// Returns how many contexts may share the work in a process that may have `limit` descriptors: the one
/// of the control plane, and those of threads, which may have a quarter of the descriptors.
[[nodiscard]] constexpr std::size_t max_contexts(std::size_t limit) {
  return 1 + limit / 4 / descriptors_per_worker;
}

/// Returns how many contexts share the work in such a process if `wanted` is the setting: 0 means one for
/// each processor, as far as there may be so many.
[[nodiscard]] inline std::size_t contexts_for(std::size_t wanted, std::size_t limit) {
  if (wanted != 0) return wanted;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, max_contexts(limit));
}

/// A context for one thread that can destroy what is unfinished before it is destroyed itself.
struct thread_context : asio::io_context {
  /// Makes a context.
  thread_context() : asio::io_context(1) {}
  /// Destroys what is unfinished. No thread may run the context.
  void shut_down() { shutdown(); }
};

/// Owns worker threads that carry traffic and perform handshakes for a client or server. Another
/// thread runs the `asio::io_context` of the control plane. Each worker has a context of its own,
/// so that the objects on it need no locks, and survives a lack of memory; see `run_context`.
///
/// The workers must be declared after the control context, so that they are destroyed before it;
/// what runs on the threads ends then.
class workers {
 public:
  /// Starts threads so that `count` contexts share the work in turn: `control`, which the caller
  /// runs, and those of `count - 1` threads. A `count` of 0 means one for each processor; see
  /// `contexts_for`. Throws `std::system_error` if a thread, or a descriptor that it needs, is not
  /// available, or if there may not be so many; see `max_contexts`.
  workers(asio::io_context& control, std::size_t count) : workers(control) { use(count); }
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  /// Stops the contexts and joins the threads.
  ~workers() { join(); }

  /// Stops the contexts, joins the threads, and destroys what is unfinished on the contexts. The
  /// contexts remain, so that objects of the control plane that refer to them may be destroyed
  /// afterwards. Nothing else may be done with the workers then.
  void shut_down() {
    join();
    for (const auto& each : members_) each->context.shut_down();
  }

  /// Changes the number of contexts that share the work; see the constructor. Contexts beyond the
  /// number finish the work that they have begun. Throws like the constructor, and then the number
  /// is unchanged. Must be called on the control plane's thread.
  void use(std::size_t count) {
    const std::size_t limit = descriptor_limit();
    count = contexts_for(count, limit);
    if (count > members_.size() + 1 && count > max_contexts(limit)) {
      throw std::system_error(EMFILE, std::generic_category(), excess_text(count, limit));
    }
    while (members_.size() + 1 < count) members_.push_back(std::make_unique<member>());
    used_ = count - 1;
  }

  /// Returns how many descriptors the threads may need. Must be called on the control plane's thread.
  [[nodiscard]] std::size_t descriptors() const { return members_.size() * descriptors_per_worker; }

  /// Returns the next context in turn. Must be called on the control plane's thread.
  asio::io_context& next() {
    if (turn_ >= used_) {
      turn_ = 0;
      return control_;
    }
    return members_[turn_++]->context;
  }

 private:
  struct member {
    thread_context context;
    // Asio allocates its descriptors at the first use, and throws if there are none.
    poller& ready = poller::of(context.get_executor());
    asio::executor_work_guard<asio::io_context::executor_type> busy{context.get_executor()};
    std::thread thread{[this] { run_context(context); }};
  };

  // The threads that were started end with the object also if another one cannot be started.
  explicit workers(asio::io_context& control) : control_(control) {}

  static std::string excess_text(std::size_t count, std::size_t limit) {
    return std::to_string(count) + " worker threads need " +
           std::to_string((count - 1) * descriptors_per_worker) +
           " descriptors, and with a limit of " + std::to_string(limit) +
           " open files there may be " + std::to_string(max_contexts(limit)) + " threads";
  }

  void join() {
    for (const auto& each : members_) each->context.stop();
    for (const auto& each : members_) {
      if (each->thread.joinable()) each->thread.join();
    }
  }

  asio::io_context& control_;
  std::vector<std::unique_ptr<member>> members_;
  /// The number of members that share the work.
  std::size_t used_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace rathole::io
