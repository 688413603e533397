#pragma once

#include <rathole/io/descriptor.hpp>
#include <rathole/io/event.hpp>
#include <rathole/io/fair_turns.hpp>
#include <rathole/io/poller.hpp>

#include <cstdint>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A socket in non-blocking mode on which coroutines can wait: one until it is readable and one
/// until it is writable.
class watched_socket final : poll_watch {
 public:
  watched_socket(const executor& ex, descriptor socket)
      : poll_watch(poller::of(ex)),
        executor_(ex),
        turns_(fair_turns::of(ex)),
        socket_(std::move(socket)),
        reader_(ex),
        writer_(ex) {}
  ~watched_socket() { stop(); }

  [[nodiscard]] int get() const { return socket_.get(); }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  const executor& get_executor() const { return executor_; }

  /// As `fair_turns::is_over`; asked by each operation that may complete without waiting.
  [[nodiscard]] bool turn_is_over() { return turns_.is_over(); }

  /// Returns when an operation of the kind would not wait; an error or a hang-up counts as both.
  /// Fails with `errc::stopped` if the wait was cancelled or the socket closed.
  task<void> readable() { return wait(reader_); }
  task<void> writable() { return wait(writer_); }

  void cancel_readable() {
    wake(reader_, outcome::cancelled);
    arm();
  }

  void close() { release().close(); }
  void abort() { release().abort(); }

  /// Gives the socket away; waits end as if it was closed.
  descriptor release() {
    stop();
    descriptor given = std::exchange(socket_, {});
    wake(reader_, outcome::cancelled);
    wake(writer_, outcome::cancelled);
    return given;
  }

 private:
  enum class outcome { none, awaited, ready, cancelled };

  struct waiter {
    explicit waiter(const executor& ex) : woken(ex) {}
    event woken;
    outcome found = outcome::none;
  };

  task<void> wait(waiter& who) {
    if (!is_open()) co_return failure(errc::stopped);
    who.found = outcome::awaited;
    if (const auto ec = arm()) {
      who.found = outcome::none;
      co_return failure(ec);
    }
    co_await who.woken.wait();
    if (std::exchange(who.found, outcome::none) != outcome::ready) co_return failure(errc::stopped);
    co_return result<void>{};
  }

  std::error_code arm() {
    return want_once(get(), (reader_.found == outcome::awaited ? std::uint32_t{EPOLLIN} : 0) |
                                (writer_.found == outcome::awaited ? std::uint32_t{EPOLLOUT} : 0));
  }

  static void wake(waiter& who, outcome found) {
    if (who.found != outcome::awaited) return;
    who.found = found;
    who.woken.notify();
  }

  void ready(std::uint32_t events) override {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (broken || (events & EPOLLIN)) wake(reader_, outcome::ready);
    if (broken || (events & EPOLLOUT)) wake(writer_, outcome::ready);
    // Whoever cannot be watched for finds out by trying.
    if (arm()) {
      wake(reader_, outcome::ready);
      wake(writer_, outcome::ready);
    }
  }

  executor executor_;
  fair_turns& turns_;
  descriptor socket_;
  waiter reader_;
  waiter writer_;
};

}  // namespace rathole::io
