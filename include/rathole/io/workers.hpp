#pragma once

#include <rathole/io/poller.hpp>
#include <rathole/io/run_context.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace rathole::io {

/// Threads that carry traffic and shake hands for a client or server, besides the one that runs its
/// `asio::io_context` and its control plane. Each has a context of its own, so that what lives on it
/// needs no lock. A thread outlives memory that runs out: see `run_context`.
///
/// Declared behind the context, and so destroyed before it: what runs on the threads ends there.
class workers {
 public:
  /// `count` contexts take turns: `control`, which the caller runs, and those of `count - 1` threads,
  /// which are started. 0 means as many as there are processors. Throws `std::system_error` where no
  /// thread, or no descriptors for one to wait on, can be had; the contexts need no more of either
  /// later.
  workers(asio::io_context& control, std::size_t count) : control_(control) { use(count); }
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers() {
    for (const auto& each : members_) each->context.stop();
    for (const auto& each : members_) each->thread.join();
  }

  /// As many contexts take turns from now on; as the constructor. Those that are not needed any more
  /// end what they have begun. Throws as the constructor, and then the number is what it was. Called
  /// on the control plane's thread.
  void use(std::size_t count) {
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    while (members_.size() + 1 < count) members_.push_back(std::make_unique<member>());
    used_ = count - 1;
  }

  /// The context whose turn it is to get work. Called on the control plane's thread.
  asio::io_context& next() {
    if (turn_ >= used_) {
      turn_ = 0;
      return control_;
    }
    return members_[turn_++]->context;
  }

 private:
  struct member {
    asio::io_context context{1};
    // Asio takes its descriptors at the first use, and throws where there are none.
    poller& ready = poller::of(context.get_executor());
    asio::executor_work_guard<asio::io_context::executor_type> busy{context.get_executor()};
    std::thread thread{[this] { run_context(context); }};
  };

  asio::io_context& control_;
  std::vector<std::unique_ptr<member>> members_;
  /// Members that take turns.
  std::size_t used_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace rathole::io
