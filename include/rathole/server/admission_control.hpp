#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/admission.hpp>
#include <rathole/protocol/source_network.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <stop_token>
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
        : owner_(std::move(owner)),
          number_(number),
          accepted_(accepted),
          deadline_(accepted + timeout) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { owner_->forget(number_); }

    /// Requested when the connection is to be closed at once.
    [[nodiscard]] std::stop_token stopping() const { return stop_.get_token(); }
    [[nodiscard]] bool is_stopping() const { return stop_.stop_requested(); }

    /// When it must have authenticated; `stopping` is requested then. It may come nearer.
    [[nodiscard]] time_point deadline() const { return deadline_; }

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
    time_point accepted_;
    time_point deadline_;
    std::stop_source stop_;
    std::error_code reason_ = errc::stopped;
  };

  /// Each connection has `timeout` from its acceptance.
  admission_control(R runtime, protocol::admission_limits limits, duration timeout)
      : runtime_(std::move(runtime)), timer_(runtime_), admitted_(limits), timeout_(timeout) {}

  /// Lets a connection from `peer` in; another one may be stopped for it.
  std::unique_ptr<connection> admit(const address& peer) {
    const auto verdict = admitted_.admit(protocol::source_network(peer.host));
    if (verdict.evicted) stop(*verdict.evicted, make_error_code(errc::limit_reached));
    auto out = std::make_unique<connection>(this->shared_from_this(), verdict.admitted,
                                            runtime_.now(), timeout_);
    open_.emplace(verdict.admitted, out.get());
    if (closed_) {
      stop(verdict.admitted, make_error_code(errc::stopped));
    } else if (!armed_) {
      arm();
    }
    return out;
  }

  /// `peer` holds one control channel more, or less: see `protocol::admission`.
  void exempt(const address& peer) { admitted_.exempt(protocol::source_network(peer.host)); }
  void unexempt(const address& peer) { admitted_.unexempt(protocol::source_network(peer.host)); }

  /// New bounds from now on. Who is in gets no more time than `timeout` either, and no more than he
  /// had.
  void set_limits(protocol::admission_limits limits, duration timeout) {
    admitted_.set_limits(limits);
    timeout_ = timeout;
    for (auto& [number, each] : open_) {
      each->deadline_ = std::min(each->deadline_, each->accepted_ + timeout);
    }
    if (!open_.empty()) arm();
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
  void stop(protocol::admission::ticket number, std::error_code reason) {
    const auto found = open_.find(number);
    connection& ended = *found->second;
    open_.erase(found);
    admitted_.release(number);
    ended.stop(reason);
  }

  void forget(protocol::admission::ticket number) {
    open_.erase(number);
    admitted_.release(number);
  }

  // Tickets are in the order of arrival, and a shorter time-out is that of all: the first connection
  // has the first deadline. A timer
  // that rings for one that is gone costs less than setting it anew.
  void arm() {
    armed_ = true;
    timer_.arm(open_.begin()->second->deadline(), [this] {
      armed_ = false;
      const time_point now = runtime_.now();
      while (!open_.empty() && open_.begin()->second->deadline() <= now) {
        stop(open_.begin()->first, make_error_code(errc::timed_out));
      }
      if (!open_.empty()) arm();
    });
  }

  R runtime_;
  typename R::timer timer_;
  protocol::admission admitted_;
  duration timeout_;
  std::map<protocol::admission::ticket, connection*> open_;
  bool armed_ = false;
  bool closed_ = false;
};

}  // namespace rathole::server
