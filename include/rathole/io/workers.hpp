#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace rathole::io {

/// Threads that carry traffic and shake hands for a client or server, whose control plane stays on
/// the one thread that runs its own `asio::io_context`. Each has a context of its own, so that what
/// lives on it needs no lock.
///
/// Declared behind that context, and so destroyed before it: what runs on the workers ends there.
class workers {
 public:
  /// Starts `count` threads; 0 means as many as there are processors. One is none: all work is done
  /// on the control plane's thread then. Throws `std::system_error` where no thread can be had.
  explicit workers(std::size_t count) {
    if (count == 0) count = std::thread::hardware_concurrency();
    if (count < 2) return;
    contexts_.reserve(count);
    threads_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) contexts_.push_back(std::make_unique<member>());
    for (const auto& each : contexts_) {
      threads_.emplace_back([&context = each->context] { context.run(); });
    }
  }
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers() {
    for (const auto& each : contexts_) each->context.stop();
    threads_.clear();
  }

  /// How many threads there are.
  [[nodiscard]] std::size_t size() const { return contexts_.size(); }

  /// The context whose turn it is to get work, round robin; there is one. Called on one thread.
  asio::io_context& next() {
    member& chosen = *contexts_[turn_];
    turn_ = (turn_ + 1) % contexts_.size();
    return chosen.context;
  }

 private:
  struct member {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy{context.get_executor()};
  };

  std::vector<std::unique_ptr<member>> contexts_;
  std::vector<std::jthread> threads_;
  std::size_t turn_ = 0;
};

}  // namespace rathole::io
