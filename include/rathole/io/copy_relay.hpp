#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/copy_pump.hpp>
#include <rathole/io/relay_status.hpp>
#include <rathole/io/task_group.hpp>

#include <cstdint>
#include <utility>

namespace rathole::io {

/// The relay between two streams of any kind.
template <ByteStream A, ByteStream B>
class copy_relay {
 public:
  copy_relay(executor ex, A first, B second)
      : first_(std::move(first)), second_(std::move(second)), back_pump_(ex) {}

  /// Runs the relay to its end. The relay outlives the call.
  awaitable<relay_status> run() {
    first_.flush();
    second_.flush();
    back_pump_.spawn(run_back());
    auto forth = co_await copy_pump(first_, second_, status_.forth);
    if (!forth) fail(forth.error());
    co_await back_pump_.join();
    close(first_);
    close(second_);
    co_return status_;
  }

  /// Breaks both streams; `run` then ends with `errc::stopped`.
  void stop() { fail(make_error_code(errc::stopped)); }

 private:
  awaitable<void> run_back() {
    auto back = co_await copy_pump(second_, first_, status_.back);
    if (!back) fail(back.error());
  }

  template <class S>
  static void close(S& stream) {
    if (stream.is_open()) stream.close();
  }

  void fail(std::error_code reason) {
    if (!status_.error) status_.error = reason;
    first_.abort();
    second_.abort();
  }

  A first_;
  B second_;
  relay_status status_;
  task_group back_pump_;
};

}  // namespace rathole::io
