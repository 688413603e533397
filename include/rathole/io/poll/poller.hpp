#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <asio/post.hpp>

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

class poll_watch;

/// Notifies objects when their descriptors are ready, by an epoll(7) set inside the one that Asio
/// waits on. Asio makes a system call for each wait for readiness; here a descriptor that stays
/// watched needs none, and one epoll_wait serves all that are ready. An `asio::io_context` has one,
/// used on its thread.
class poller : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit poller(asio::io_context& context)
      : service(context), set_(context.get_executor()), executor_(context.get_executor()) {}

  /// Returns the poller of the context of `ex`.
  static poller& of(const executor& ex) { return asio::use_service<poller>(ex.context()); }

 private:
  friend class poll_watch;
  using set_type = asio::posix::basic_stream_descriptor<executor>;

  /// How many descriptors one epoll_wait reports at most.
  static constexpr int batch_size = 64;
  /// How many batches are processed in a row before other work of the context runs.
  static constexpr int batches_per_turn = 8;

  void shutdown() override {
    std::error_code ignored;
    set_.close(ignored);
  }

  std::error_code open() {
    descriptor made(::epoll_create1(EPOLL_CLOEXEC));
    if (!made.is_open()) return last_error();
    std::error_code ec;
    set_.assign(made.get(), ec);
    if (!ec) made.release();
    return ec;
  }

  std::error_code control(int operation, int fd, std::uint32_t events, poll_watch* watch) {
    check_thread(executor_);
    if (!set_.is_open()) {
      if (const auto ec = open()) return ec;
    }
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.ptr = watch;
    if (::epoll_ctl(set_.native_handle(), operation, fd, &wanted) == 0) return {};
    return last_error();
  }

  /// Drops the events of a watch that were reported and not passed on yet.
  void drop_events(const poll_watch& watch) {
    for (int i = next_; i < ready_; ++i) {
      epoll_event& event = batch_[static_cast<std::size_t>(i)];
      if (event.data.ptr == &watch) event.data.ptr = nullptr;
    }
  }

  void remove(int fd, const poll_watch& watch) {
    drop_events(watch);
    if (set_.is_open()) control(EPOLL_CTL_DEL, fd, 0, nullptr);
  }

  void count_in() {
    ++wanted_;
    if (state_ == state::idle) wait();
  }

  void count_out() {
    // An unneeded wait would keep the context running.
    if (--wanted_ > 0 || state_ != state::waiting) return;
    std::error_code ignored;
    set_.cancel(ignored);
  }

  void wait() {
    state_ = state::waiting;
    set_.async_wait(set_type::wait_read,
                    memory_bound(&memory_, [this](std::error_code) { turn(); }));
  }

  void turn();

  /// Notifies one watch. If memory runs out in it, its owner must release what it holds; the other
  /// watches are still notified.
  static void notify(poll_watch& watch, std::uint32_t events);

  enum class state { idle, waiting, turning };

  set_type set_;
  executor executor_;
  /// The memory for the wait or for the next turn.
  handler_memory memory_;
  std::array<epoll_event, batch_size> batch_{};
  int next_ = 0;
  int ready_ = 0;
  /// The number of watches that want something.
  std::size_t wanted_ = 0;
  state state_ = state::idle;
};

/// Watches one descriptor, always the same one. A derived class is notified by `ready`.
class poll_watch {
 public:
  /// Makes a watch that watches nothing. `owner` must outlive it.
  explicit poll_watch(poller& owner) : poller_(owner) {}
  poll_watch(const poll_watch&) = delete;
  poll_watch& operator=(const poll_watch&) = delete;

  /// Watches `fd` for `events`: EPOLLIN, EPOLLOUT, both, or 0 for nothing. `ready` is called
  /// repeatedly while one of them, an error or a hang-up is present; with EPOLLET in `events`, when
  /// one of them comes, and then `ready` must not throw, because the event would be lost. Fails with
  /// the error of epoll_ctl(2).
  std::error_code want(int fd, std::uint32_t events) {
    if (events == armed_) return {};
    if (events == 0) {
      stop();
      return {};
    }
    return arm(fd, events, events);
  }

  /// Watches like `want`, but `ready` is called at most once. One watch must not use both
  /// functions.
  std::error_code want_once(int fd, std::uint32_t events) {
    const std::uint32_t once = events | EPOLLONESHOT;
    if (events == 0 || once == armed_) {
      note(events);
      return {};
    }
    return arm(fd, once, events);
  }

  /// Takes over the descriptor of `from`, which then watches nothing and need not be stopped. It stays
  /// in the set, which saves two system calls, so `want` or `stop` must be called before the poller
  /// runs again.
  void take_over(poll_watch& from) {
    if (&from.poller_ != &poller_) return from.stop();
    if (from.known_) poller_.drop_events(from);
    fd_ = from.fd_;
    known_ = std::exchange(from.known_, false);
    // The set still names `from`, so even a `want` for nothing must reach it.
    armed_ = known_ ? taken_over : 0;
    from.armed_ = 0;
    from.note(0);
  }

  /// Watches for nothing and removes the descriptor from the set; must be called before the
  /// descriptor is closed.
  void stop() {
    if (known_) poller_.remove(fd_, *this);
    known_ = false;
    armed_ = 0;
    note(0);
  }

 protected:
  /// Stops the watch.
  ~poll_watch() { stop(); }

 private:
  friend class poller;

  /// The function to call when the descriptor is ready for `events` (epoll(7)). It may stop this
  /// watch and others.
  virtual void ready(std::uint32_t events) = 0;

  std::error_code arm(int fd, std::uint32_t armed, std::uint32_t events) {
    const int operation = known_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (const auto ec = poller_.control(operation, fd, armed, this)) return ec;
    fd_ = fd;
    known_ = true;
    armed_ = armed;
    note(events);
    return {};
  }

  void note(std::uint32_t events) {
    if (wanted_ == 0 && events != 0) poller_.count_in();
    if (wanted_ != 0 && events == 0) poller_.count_out();
    wanted_ = events;
  }

  void fire(std::uint32_t events) {
    if ((armed_ & EPOLLONESHOT) != 0) {
      armed_ = 0;
      // The wait was given up before the event came.
      if (wanted_ == 0) return;
      note(0);
    }
    ready(events);
  }

  /// The value of `armed_` after `take_over`: no events that can be wanted.
  static constexpr std::uint32_t taken_over = ~std::uint32_t{0};

  poller& poller_;
  int fd_ = -1;
  /// Whether the epoll set has the descriptor.
  bool known_ = false;
  /// The events that the epoll set watches for; 0 after a one-shot event.
  std::uint32_t armed_ = 0;
  /// What `ready` is wanted for; 0 if nothing is waited for.
  std::uint32_t wanted_ = 0;
};

inline void poller::notify(poll_watch& watch, std::uint32_t events) {
  try {
    watch.fire(events);
  } catch (const std::bad_alloc&) {
    // The event is level-triggered, so what is still there is reported again.
  }
}

inline void poller::turn() {
  if (!set_.is_open()) return;
  state_ = state::turning;
  for (int batch = 0; batch < batches_per_turn; ++batch) {
    ready_ = ::epoll_wait(set_.native_handle(), batch_.data(), batch_size, 0);
    if (ready_ <= 0) break;
    for (next_ = 0; next_ < ready_;) {
      const epoll_event& event = batch_[static_cast<std::size_t>(next_++)];
      if (event.data.ptr) notify(*static_cast<poll_watch*>(event.data.ptr), event.events);
    }
  }
  if (wanted_ == 0) {
    state_ = state::idle;
  } else if (ready_ > 0) {
    asio::post(executor_, memory_bound(&memory_, [this] { turn(); }));
  } else {
    wait();
  }
}

}  // namespace rathole::io
