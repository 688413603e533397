#pragma once

#include <rathole/io/poller.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace rathole::io {

/// Threads that carry traffic and shake hands for a client or server, besides the one that runs its
/// `asio::io_context` and its control plane. Each has a context of its own, so that what lives on it
/// needs no lock.
///
/// Declared behind the context, and so destroyed before it: what runs on the threads ends there.
class workers {
 public:
  /// `count` contexts take turns: `control`, which the caller runs, and those of `count - 1` threads,
  /// which are started. 0 means as many as there are processors. Throws `std::system_error` where no
  /// thread, or no descriptors for one to wait on, can be had; the contexts need no more of either
  /// later.
  workers(asio::io_context& control, std::size_t count) : control_(control) {
    if (count == 0) count = std::thread::hardware_concurrency();
    for (std::size_t i = 1; i < count; ++i) members_.push_back(std::make_unique<member>());
  }
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers() {
    for (const auto& each : members_) each->context.stop();
    for (const auto& each : members_) each->thread.join();
  }

  /// The context whose turn it is to get work. Called on the control plane's thread.
  asio::io_context& next() {
    if (turn_ == members_.size()) {
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
    std::thread thread{[this] { context.run(); }};
  };

  asio::io_context& control_;
  std::vector<std::unique_ptr<member>> members_;
  std::size_t turn_ = 0;
};

}  // namespace rathole::io
