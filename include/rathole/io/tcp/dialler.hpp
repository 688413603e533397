#pragma once

#include <rathole/core/dial_plan.hpp>
#include <rathole/io/poll/poller.hpp>
#include <rathole/io/resolve/lookup.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/tcp/dial_attempt.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Dials the addresses of one name as `dial_plan` says. The first established connection is used,
/// and all others are closed. A connection that is established at once needs neither a timer nor an
/// epoll watch.
class dialler {
 public:
  /// Makes a dialler for the addresses `to`, which must be in dial order.
  dialler(const executor& ex, endpoints to)
      : executor_(ex), to_(std::move(to)), plan_(to_.size(), clock::now()) {}
  dialler(const dialler&) = delete;
  dialler& operator=(const dialler&) = delete;

  /// Starts the first attempts; returns whether the dial is complete already.
  bool start() {
    advance();
    return outcome_.has_value();
  }

  /// Returns once the dial is complete. The dialler must outlive the call.
  awaitable<void> wait() {
    if (outcome_) co_return;
    waiting_.emplace(executor_);
    advance();
    co_await waiting_->over.wait();
  }

  /// Ends the dial with the error `reason`, unless it is complete.
  void give_up(std::error_code reason) {
    if (!outcome_) end(failure(reason));
  }

  /// Returns the connection, or the error of the last attempt or of `give_up`. The dial must be
  /// complete. Must be called once.
  result<dial_attempt> take() { return std::move(*outcome_); }

 private:
  struct watch final : poll_watch {
    watch(dialler& of, dial_attempt from)
        : poll_watch(poller::of(of.executor_)), owner(of), attempt(std::move(from)) {}
    ~watch() { stop(); }
    void ready(std::uint32_t) override { owner.check(*this); }

    dialler& owner;
    dial_attempt attempt;
  };

  /// The state that only a dial that must wait needs.
  struct waiting {
    explicit waiting(const executor& ex) : next(ex), over(ex) {}
    asio_timer next;
    event over;
  };

  void advance() {
    const time_point now = clock::now();
    while (!outcome_) {
      if (plan_.is_over()) return end(failure(last_failure_));
      const auto place = plan_.next(now);
      if (!place) break;
      begin(to_[*place]);
    }
    if (!outcome_ && waiting_) waiting_->next.arm(plan_.due(), [this] { advance(); });
  }

  void begin(const dial_attempt::endpoint& to) {
    auto begun = dial_attempt::begin(to);
    if (!begun) return fail(begun.error());
    if (begun->is_connected()) return end(std::move(*begun));
    if (open_.size() == dial_plan::max_open) open_.pop_front();
    watch& added = open_.emplace_back(*this, std::move(*begun));
    if (const auto ec = added.want(added.attempt.get(), EPOLLOUT)) {
      open_.pop_back();
      fail(ec);
    }
  }

  void check(watch& at) {
    const auto connected = at.attempt.check();
    if (connected && !*connected) return;
    if (connected) return end(std::move(at.attempt));
    open_.remove_if([&at](const watch& each) { return &each == &at; });
    fail(connected.error());
    advance();
  }

  void fail(std::error_code reason) {
    last_failure_ = reason;
    plan_.failed();
  }

  void end(result<dial_attempt> outcome) {
    outcome_.emplace(std::move(outcome));
    open_.clear();
    if (!waiting_) return;
    waiting_->next.disarm();
    waiting_->over.notify();
  }

  executor executor_;
  endpoints to_;
  dial_plan plan_;
  /// The attempts under way, the oldest first.
  std::list<watch> open_;
  std::optional<waiting> waiting_;
  std::optional<result<dial_attempt>> outcome_;
  std::error_code last_failure_ = errc::host_not_found;
};

}  // namespace rathole::io
