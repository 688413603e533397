#pragma once

#include <rathole/io/poll/poller.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A non-blocking socket on which coroutines can wait: one until it is readable and one until it
/// is writable.
class watched_socket final : poll_watch {
 public:
  /// Takes ownership of `socket`.
  watched_socket(const executor& ex, descriptor socket)
      : poll_watch(poller::of(ex)),
        executor_(ex),
        turns_(turn_budget::of(ex)),
        socket_(std::move(socket)),
        reader_(ex),
        writer_(ex) {}
  /// Ends the epoll watch; the socket is closed.
  ~watched_socket() { stop(); }

  /// Returns the socket.
  [[nodiscard]] int get() const { return socket_.get(); }
  /// Returns whether there is a socket.
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  /// Returns the executor.
  const executor& get_executor() const { return executor_; }

  /// Counts an operation that may complete without waiting; see `turn_budget::is_spent`.
  [[nodiscard]] bool budget_is_spent() { return turns_.is_spent(); }

  /// Returns when reading would not wait; an error or a hang-up counts too. Fails with
  /// `errc::stopped` if the wait was cancelled or the socket closed, or with the error of
  /// epoll_ctl(2).
  task<void> readable() { return wait(reader_); }
  /// Returns when writing would not wait; an error or a hang-up counts too. Fails with
  /// `errc::stopped` if the socket was closed, or with the error of epoll_ctl(2).
  task<void> writable() { return wait(writer_); }

  /// Cancels a wait for reading.
  void cancel_readable() {
    wake(reader_, outcome::cancelled);
    arm();
  }

  /// Closes the socket; waits fail with `errc::stopped`.
  void close() { release().close(); }
  /// Closes the socket with a reset; waits fail with `errc::stopped`.
  void abort() { release().abort(); }

  /// Gives up ownership of the socket and returns it; waits fail with `errc::stopped`.
  descriptor release() {
    stop();
    return give();
  }
  /// Gives up the socket to the owner of `next`, which also takes over its epoll watch; see
  /// `poll_watch::take_over`. Waits fail with `errc::stopped`.
  descriptor release_to(poll_watch& next) {
    next.take_over(*this);
    return give();
  }

 private:
  descriptor give() {
    descriptor given = std::exchange(socket_, {});
    wake(reader_, outcome::cancelled);
    wake(writer_, outcome::cancelled);
    return given;
  }

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
    try {
      co_await who.woken.wait();
    } catch (const std::bad_alloc&) {
      // An event that arrives now would wake the next wait too early.
      who.found = outcome::none;
      arm();
      throw;
    }
    if (std::exchange(who.found, outcome::none) != outcome::ready) co_return failure(errc::stopped);
    co_return result<void>{};
  }

  /// Registers with the poller what is awaited.
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
    // If the descriptor cannot be added to the epoll set, the waiters try their operations instead.
    if (arm()) {
      wake(reader_, outcome::ready);
      wake(writer_, outcome::ready);
    }
  }

  executor executor_;
  turn_budget& turns_;
  descriptor socket_;
  waiter reader_;
  waiter writer_;
};

}  // namespace rathole::io
