#pragma once

#include <rathole/core/dial_plan.hpp>
#include <rathole/io/asio_timer.hpp>
#include <rathole/io/dial_attempt.hpp>
#include <rathole/io/event.hpp>
#include <rathole/io/poller.hpp>
#include <rathole/io/resolve.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Dials the addresses of one name as `dial_plan` says; the first connection that stands is taken,
/// and all others are closed. A connection that stands at once costs neither a timer nor a watch.
class dialler {
 public:
  /// `to` is in the order to be dialled.
  dialler(const executor& ex, endpoints to)
      : executor_(ex), to_(std::move(to)), plan_(to_.size(), clock::now()) {}
  dialler(const dialler&) = delete;
  dialler& operator=(const dialler&) = delete;

  /// Begins; whether the dial is over already.
  bool start() {
    advance();
    return outcome_.has_value();
  }

  /// Returns once the dial is over. The dialler outlives the call.
  awaitable<void> wait() {
    if (outcome_) co_return;
    patience_.emplace(executor_);
    advance();
    co_await patience_->over.wait();
  }

  /// Ends the dial with `reason`, unless it is over.
  void give_up(std::error_code reason) {
    if (!outcome_) end(failure(reason));
  }

  /// What came of the dial, which is over: the connection, or the last address's failure, or the
  /// reason it was given up for. Called once.
  result<dial_attempt> take() { return std::move(*outcome_); }

 private:
  struct watch final : poll_watch {
    watch(dialler& of, dial_attempt from)
        : poll_watch(poller::of(of.executor_)), owner(of), attempt(std::move(from)) {}
    ~watch() { stop(); }
    void ready(std::uint32_t) override { owner.look(*this); }

    dialler& owner;
    dial_attempt attempt;
  };

  /// What a dial has that must wait.
  struct patience {
    explicit patience(const executor& ex) : next(ex), over(ex) {}
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
    if (!outcome_ && patience_) patience_->next.arm(plan_.due(), [this] { advance(); });
  }

  void begin(const dial_attempt::endpoint& to) {
    auto begun = dial_attempt::begin(to);
    if (!begun) return fail(begun.error());
    if (begun->stands()) return end(std::move(*begun));
    if (open_.size() == dial_plan::most_open) open_.pop_front();
    watch& added = open_.emplace_back(*this, std::move(*begun));
    if (const auto ec = added.want(added.attempt.get(), EPOLLOUT)) {
      open_.pop_back();
      fail(ec);
    }
  }

  void look(watch& at) {
    const auto stands = at.attempt.look();
    if (stands && !*stands) return;
    if (stands) return end(std::move(at.attempt));
    open_.remove_if([&at](const watch& each) { return &each == &at; });
    fail(stands.error());
    advance();
  }

  void fail(std::error_code reason) {
    last_failure_ = reason;
    plan_.failed();
  }

  void end(result<dial_attempt> outcome) {
    outcome_.emplace(std::move(outcome));
    open_.clear();
    if (!patience_) return;
    patience_->next.disarm();
    patience_->over.notify();
  }

  executor executor_;
  endpoints to_;
  dial_plan plan_;
  /// Attempts under way, the oldest first.
  std::list<watch> open_;
  std::optional<patience> patience_;
  std::optional<result<dial_attempt>> outcome_;
  std::error_code last_failure_ = errc::host_not_found;
};

}  // namespace rathole::io
