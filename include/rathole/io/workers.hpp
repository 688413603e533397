#pragma once

#include <rathole/io/poll/poller.hpp>
#include <rathole/io/run/run_context.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace rathole::io {

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
  /// runs, and those of `count - 1` threads. A `count` of 0 means one for each processor. Throws
  /// `std::system_error` if a thread, or a descriptor that it needs, is not available; the contexts
  /// need no further descriptors later.
  workers(asio::io_context& control, std::size_t count) : control_(control) { use(count); }
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
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    while (members_.size() + 1 < count) members_.push_back(std::make_unique<member>());
    used_ = count - 1;
  }

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
