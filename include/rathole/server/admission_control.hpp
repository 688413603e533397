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

namespace rathole::server_side {

/// Limits the unauthenticated connections to a server's port, in number and in time. One timer
/// serves all of them. It is held by `shared_ptr` and lives on the control plane.
template <io::Runtime R>
class admission_control : public std::enable_shared_from_this<admission_control<R>> {
 public:
  /// An unauthenticated connection, which is counted for as long as this object lives.
  class connection {
   public:
    /// Makes the connection with the ticket `number`, whose first handshake step begins at
    /// `accepted` and may take `timeout`.
    connection(std::shared_ptr<admission_control> owner, protocol::admission::ticket number,
               time_point accepted, duration timeout)
        : owner_(std::move(owner)), number_(number), deadline_(accepted, timeout) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    /// Stops counting the connection.
    ~connection() { owner_->forget(number_); }

    /// Returns the token that is requested when the connection must be closed at once.
    [[nodiscard]] std::stop_token stopping() const { return stop_.get_token(); }
    /// Returns whether the connection must be closed.
    [[nodiscard]] bool is_stopping() const { return stop_.stop_requested(); }

    /// Returns the deadline of the current handshake step, at which `stopping` is requested. The
    /// code that serves the connection reports each completed step to it.
    [[nodiscard]] const step_deadline& deadline() const { return deadline_; }

    /// Returns the reason of an error `ec`: if the connection was closed through `stopping`,
    /// `errc::timed_out`, `errc::limit_reached` if there were too many, or `errc::stopped` if the
    /// server stopped; otherwise `ec`.
    [[nodiscard]] std::error_code explain(std::error_code ec) const {
      return ec == errc::stopped ? reason_ : ec;
    }

   private:
    friend admission_control;

    void stop(std::error_code reason) {
      reason_ = reason;
      stop_.request_stop();
    }

    // The connection owns its owner, because compilers destroy a coroutine's parameters in
    // different orders.
    std::shared_ptr<admission_control> owner_;
    protocol::admission::ticket number_;
    step_deadline deadline_;
    /// The time under which it is entered in `due_`.
    time_point due_{};
    std::stop_source stop_;
    std::error_code reason_ = errc::stopped;
  };

  /// Makes an `admission_control` without connections. Each connection has `timeout` for each step
  /// of its handshake; the first step begins when the connection is accepted.
  admission_control(R runtime, protocol::admission_limits limits, duration timeout)
      : runtime_(std::move(runtime)), timer_(runtime_), admitted_(limits), timeout_(timeout) {}

  /// Admits a connection from `peer`; another connection may be stopped to make room. Throws
  /// `std::bad_alloc`.
  std::unique_ptr<connection> admit(const address& peer) {
    const auto verdict = admitted_.admit(protocol::source_network(peer.host));
    if (verdict.evicted) stop(*verdict.evicted, make_error_code(errc::limit_reached));
    try {
      return enter(verdict.admitted);
    } catch (const std::bad_alloc&) {
      admitted_.release(verdict.admitted);
      throw;
    }
  }

  /// Returns an unauthenticated connection that is not counted, because it is a stream of a
  /// multiplexed one: only its deadline matters. Throws `std::bad_alloc`.
  std::unique_ptr<connection> watch() { return enter(admitted_.uncounted()); }

  /// Records that `source`, a `protocol::source_network`, holds one more control channel; see
  /// `protocol::admission::exempt`.
  void exempt(const std::string& source) { admitted_.exempt(source); }
  /// Records that `source` holds one control channel less; see `protocol::admission::unexempt`.
  /// Needs no memory.
  void unexempt(const std::string& source) { admitted_.unexempt(source); }

  /// Changes the limits. Open connections get at most `timeout` for each step too, and never more
  /// than they had.
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

  /// Stops all connections, now and in the future.
  void close() {
    closed_ = true;
    timer_.disarm();
    while (!open_.empty()) stop(open_.begin()->first, make_error_code(errc::stopped));
  }

  /// Returns the number of unauthenticated connections that are counted.
  [[nodiscard]] std::size_t size() const { return admitted_.size(); }

 private:
  using due_set = std::set<std::pair<time_point, protocol::admission::ticket>>;

  std::unique_ptr<connection> enter(protocol::admission::ticket number) {
    auto out =
        std::make_unique<connection>(this->shared_from_this(), number, runtime_.now(), timeout_);
    open_.emplace(number, out.get());
    expect(*out);
    if (closed_) {
      stop(number, make_error_code(errc::stopped));
    } else if (!armed_) {
      arm();
    }
    return out;
  }

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

  /// Enters a connection in `due_`, to be checked when its deadline passes as known now.
  void expect(connection& one) {
    one.due_ = one.deadline_.at();
    due_.emplace(one.due_, one.number_);
  }
  /// Enters a connection in `due_` again, by the node `place` that was extracted from it; needs no
  /// memory.
  void expect(connection& one, due_set::node_type place) {
    one.due_ = one.deadline_.at();
    place.value() = {one.due_, one.number_};
    due_.insert(std::move(place));
  }

  // The timer is not set again for every step: a check that comes too early costs less.
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
  /// When each open connection is checked; its deadline may have moved later since.
  due_set due_;
  bool armed_ = false;
  bool closed_ = false;
};

}  // namespace rathole::server_side
