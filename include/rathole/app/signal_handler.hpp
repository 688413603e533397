#pragma once

#include <rathole/app/log/outputs.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace rathole::app {

/// Ends the process, although a lookup may be blocked in the system's resolver, which cannot be
/// interrupted and for which an orderly end would wait. The lines of `logs` are written first, see
/// `log_outputs::flush`; active connections are reset.
[[noreturn]] inline void exit_at_once(log_outputs& logs) {
  logs.flush();
  std::quick_exit(EXIT_SUCCESS);
}

/// Calls a function on a context for each signal that arrives after its construction.
class signal_handler {
 public:
  /// Makes an object that calls `received` for each of the signals `which`, with the number of
  /// signals so far, including this one.
  signal_handler(asio::io_context& context, std::initializer_list<int> which,
                 std::function<void(int)> received)
      : signals_(context), received_(std::move(received)) {
    for (const int each : which) signals_.add(each);
    wait();
  }
  signal_handler(const signal_handler&) = delete;
  signal_handler& operator=(const signal_handler&) = delete;

  /// Ends the calls, so that they do not keep the context running.
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

/// The signals that ask the program to stop.
inline constexpr std::initializer_list<int> stop_signals{SIGINT, SIGTERM};
/// The signals that ask the program to reload its configuration.
inline constexpr std::initializer_list<int> reload_signals{SIGHUP};
/// The signals that ask the program to open its log files again.
inline constexpr std::initializer_list<int> reopen_signals{SIGUSR1};

}  // namespace rathole::app
