#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <system_error>
#include <utility>

namespace rathole::app {

/// Ends the program although a look-up may be under way in the system's resolver: it cannot be
/// interrupted, and an orderly end would wait for it.
[[noreturn]] inline void exit_at_once() {
  std::fflush(nullptr);
  std::quick_exit(EXIT_SUCCESS);
}

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

/// SIGHUP as a call on a context, from its construction on.
class hangup_signal {
 public:
  hangup_signal(asio::io_context& context, std::function<void()> received)
      : signals_(context, SIGHUP), received_(std::move(received)) {
    wait();
  }
  hangup_signal(const hangup_signal&) = delete;
  hangup_signal& operator=(const hangup_signal&) = delete;

  /// No more calls; the context may run out of work.
  void cancel() {
    std::error_code ignored;
    signals_.cancel(ignored);
  }

 private:
  void wait() {
    signals_.async_wait([this](std::error_code ec, int) {
      if (ec) return;
      received_();
      wait();
    });
  }

  asio::signal_set signals_;
  std::function<void()> received_;
};

}  // namespace rathole::app
