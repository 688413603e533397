#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/admission.hpp>
#include <rathole/protocol/source_network.hpp>

#include <map>
#include <memory>
#include <new>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::server {

/// Bounds the connections to a server's port that have not authenticated yet, in number and in
/// time. One timer serves all of them. Held by `shared_ptr`.
template <io::Runtime R>
class admission_control : public std::enable_shared_from_this<admission_control<R>> {
 public:
  /// A connection that is counted as long as this lives.
  class connection {
   public:
    connection(std::shared_ptr<admission_control> owner, protocol::admission::ticket number,
               time_point accepted, duration timeout)
        : owner_(std::move(owner)), number_(number), deadline_(accepted, timeout) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { owner_->forget(number_); }

    /// Requested when the connection is to be closed at once.
    [[nodiscard]] std::stop_token stopping() const { return stop_.get_token(); }
    [[nodiscard]] bool is_stopping() const { return stop_.stop_requested(); }

    /// When the current step of its handshake must be completed; `stopping` is requested then. What
    /// serves the connection reports each completed step to it.
    [[nodiscard]] const step_deadline& deadline() const { return deadline_; }

    /// `ec`, or if the connection was closed by `stopping` the reason: `errc::timed_out`,
    /// `errc::limit_reached` if there were too many, `errc::stopped` with the server.
    [[nodiscard]] std::error_code explain(std::error_code ec) const {
      return ec == errc::stopped ? reason_ : ec;
    }

   private:
    friend admission_control;

    void stop(std::error_code reason) {
      reason_ = reason;
      stop_.request_stop();
    }

    // A coroutine's parameters are destroyed in an order that compilers disagree on.
    std::shared_ptr<admission_control> owner_;
    protocol::admission::ticket number_;
    step_deadline deadline_;
    /// Its place in `due_`.
    time_point due_{};
    std::stop_source stop_;
    std::error_code reason_ = errc::stopped;
  };

  /// Each connection has `timeout` for each step of its handshake, the first from its acceptance.
  admission_control(R runtime, protocol::admission_limits limits, duration timeout)
      : runtime_(std::move(runtime)), timer_(runtime_), admitted_(limits), timeout_(timeout) {}

  /// Lets a connection from `peer` in; another one may be stopped for it.
  std::unique_ptr<connection> admit(const address& peer) {
    const auto verdict = admitted_.admit(protocol::source_network(peer.host));
    if (verdict.evicted) stop(*verdict.evicted, make_error_code(errc::limit_reached));
    std::unique_ptr<connection> out;
    try {
      out = std::make_unique<connection>(this->shared_from_this(), verdict.admitted, runtime_.now(),
                                         timeout_);
    } catch (const std::bad_alloc&) {
      admitted_.release(verdict.admitted);
      throw;
    }
    open_.emplace(verdict.admitted, out.get());
    expect(*out);
    if (closed_) {
      stop(verdict.admitted, make_error_code(errc::stopped));
    } else if (!armed_) {
      arm();
    }
    return out;
  }

  /// `source`, a `protocol::source_network`, holds one control channel more, or less: see
  /// `protocol::admission`. The second needs no memory.
  void exempt(const std::string& source) { admitted_.exempt(source); }
  void unexempt(const std::string& source) { admitted_.unexempt(source); }

  /// New bounds from now on. Connections that are open get no more time than `timeout` either, and
  /// no more than they had.
  void set_limits(protocol::admission_limits limits, duration timeout) {
    admitted_.set_limits(limits);
    timeout_ = timeout;
    for (auto& [number, each] : open_) {
      auto place = due_.extract({each->due_, number});
      each->deadline_.shorten(timeout);
      expect(*each, std::move(place));
    }
    if (!due_.empty()) arm();
  }

  /// Stops all connections, and those that are still to come.
  void close() {
    closed_ = true;
    timer_.disarm();
    while (!open_.empty()) stop(open_.begin()->first, make_error_code(errc::stopped));
  }

  /// Connections that have not authenticated yet.
  [[nodiscard]] std::size_t size() const { return open_.size(); }

 private:
  using due_set = std::set<std::pair<time_point, protocol::admission::ticket>>;

  void stop(protocol::admission::ticket number, std::error_code reason) {
    connection& ended = *open_.find(number)->second;
    forget(number);
    ended.stop(reason);
  }

  void forget(protocol::admission::ticket number) {
    if (const auto found = open_.find(number); found != open_.end()) {
      due_.erase({found->second->due_, number});
      open_.erase(found);
    }
    admitted_.release(number);
  }

  /// Looks at a connection again when its deadline passes, as far as that is known now.
  void expect(connection& one) {
    one.due_ = one.deadline_.at();
    due_.emplace(one.due_, one.number_);
  }
  /// The same with an element of `due_` that was taken out, which needs no memory.
  void expect(connection& one, due_set::node_type place) {
    one.due_ = one.deadline_.at();
    place.value() = {one.due_, one.number_};
    due_.insert(std::move(place));
  }

  // A timer that rings for a connection that is gone, or has got on, costs less than setting it
  // anew for every step.
  void arm() {
    timer_.arm(due_.begin()->first, [this] {
      armed_ = false;
      const time_point now = runtime_.now();
      while (!due_.empty() && due_.begin()->first <= now) {
        auto place = due_.extract(due_.begin());
        const auto number = place.value().second;
        connection& late = *open_.find(number)->second;
        expect(late, std::move(place));
        if (late.due_ <= now) stop(number, make_error_code(errc::timed_out));
      }
      if (!due_.empty()) arm();
    });
    armed_ = true;
  }

  R runtime_;
  typename R::timer timer_;
  protocol::admission admitted_;
  duration timeout_;
  std::map<protocol::admission::ticket, connection*> open_;
  /// When each open connection is to be looked at; its deadline may have moved later since.
  due_set due_;
  bool armed_ = false;
  bool closed_ = false;
};

}  // namespace rathole::server
