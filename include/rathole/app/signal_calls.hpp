#pragma once

#include <rathole/app/log.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace rathole::app {

/// Ends the program although a look-up may be under way in the system's resolver: it cannot be
/// interrupted, and an orderly end would wait for it. The lines of `log` are written, see
/// `logger::flush`; what is still being forwarded is reset.
[[noreturn]] inline void exit_at_once(logger& log) {
  log.flush();
  std::quick_exit(EXIT_SUCCESS);
}

/// Signals as calls on a context, from its construction on.
class signal_calls {
 public:
  /// Each of the signals `which` calls `received` with how many have come, itself included.
  signal_calls(asio::io_context& context, std::initializer_list<int> which,
               std::function<void(int)> received)
      : signals_(context), received_(std::move(received)) {
    for (const int each : which) signals_.add(each);
    wait();
  }
  signal_calls(const signal_calls&) = delete;
  signal_calls& operator=(const signal_calls&) = delete;

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

/// The signals that tell a program to end.
inline constexpr std::initializer_list<int> stop_signals{SIGINT, SIGTERM};
/// The signal that tells it to read its configuration again.
inline constexpr std::initializer_list<int> reload_signals{SIGHUP};

}  // namespace rathole::app
