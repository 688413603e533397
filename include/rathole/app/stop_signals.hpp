#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <functional>
#include <system_error>
#include <utility>

namespace rathole::app {

/// SIGINT and SIGTERM as calls on a context, from its construction on.
class stop_signals {
 public:
  /// Each signal calls `received` with how many have come, itself included.
  stop_signals(asio::io_context& context, std::function<void(int)> received)
      : signals_(context, SIGINT, SIGTERM), received_(std::move(received)) {
    wait();
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  /// No more calls; the context may run out of work.
  void cancel() {
    std::error_code ignored;
    signals_.cancel(ignored);
  }

 private:
  void wait() {
    signals_.async_wait([this](std::error_code ec, int) {
      if (ec) return;
      received_(++count_);
      wait();
    });
  }

  asio::signal_set signals_;
  std::function<void(int)> received_;
  int count_ = 0;
};

}  // namespace rathole::app
