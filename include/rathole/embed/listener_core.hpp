#pragma once

#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/context_end.hpp>
#include <rathole/embed/drain_list.hpp>
#include <rathole/embed/listener_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The visitors of a service that the program itself serves, between the client and the calls of
/// `listener::async_accept`. It lives on the control plane, as all its functions do except `stats`.
/// It must be held by `shared_ptr`.
template <io::Runtime R>
class listener_core final : public client_side::stream_receiver,
                            public context_member,
                            public std::enable_shared_from_this<listener_core<R>> {
 public:
  /// An owner of the stream of a visitor.
  using stream_pointer = std::shared_ptr<io::shared_stream>;

  /// Makes an open listener in `runtime`, that of the control plane. At most `backlog` visitors and
  /// idle data channels wait, a visitor for at most `accept_timeout`.
  listener_core(R runtime, std::size_t backlog, duration accept_timeout)
      : runtime_(std::move(runtime)),
        backlog_(std::max<std::size_t>(backlog, 1)),
        accept_timeout_(std::min<duration>(accept_timeout, config::max_duration)),
        timer_(runtime_) {}

  [[nodiscard]] bool has_room(std::size_t channels) const override {
    return !is_closed_ && channels + waiting_.size() < backlog_;
  }

  /// Passes a visitor to the call that has waited longest, or lets it wait.
  void visitor_arrived(stream_pointer visitor) override {
    if (is_closed_) return refuse(*visitor, errc::stopped);
    if (!accepts_.empty()) {
      auto next = std::move(accepts_.front());
      accepts_.pop_front();
      return accepted(std::move(next.done), std::move(visitor));
    }
    waiting_.push_back({std::move(visitor), runtime_.now() + accept_timeout_});
    count_waiting();
    if (waiting_.size() == 1) arm();
  }

  void visitor_ended(const io::shared_stream& visitor) override {
    const auto is_waiting = [&](const auto& each) { return each.visitor.get() == &visitor; };
    if (std::erase_if(waiting_, is_waiting) > 0) {
      // The client ended the connection before anybody accepted it.
      ++refused_;
      count_waiting();
      arm();
      return has_room_again();
    }
    const auto is_active = [&](const auto& each) { return each.get() == &visitor; };
    if (std::erase_if(active_, is_active) == 0) return;
    active_count_ = active_.size();
    received_ += visitor.received();
    sent_ += visitor.sent();
    if (visitor.is_cut()) drains_.connections_reset();
    if (active_.empty() && !drains_.empty()) idle();
  }

  /// Completes with the visitor that has waited longest, now or once there is one.
  void accept(completion<stream_pointer> done, const cancellation_pointer& cancel) {
    if (!waiting_.empty()) {
      stream_pointer visitor = std::move(waiting_.front().visitor);
      waiting_.pop_front();
      count_waiting();
      arm();
      accepted(std::move(done), std::move(visitor));
      return has_room_again();
    }
    if (is_closed_) return done(reason_, nullptr);
    const std::uint64_t id = next_accept_++;
    accepts_.push_back({id, std::move(done)});
    if (!cancel) return;
    cancel->action = [self = this->weak_from_this(), id](asio::cancellation_type) {
      if (const auto me = self.lock()) me->cancel(id);
    };
  }

  /// Refuses the visitors that wait and those that arrive from now on; calls of `accept` fail with
  /// `reason`.
  void close(std::error_code reason) override {
    if (std::exchange(is_closed_, true)) return;
    reason_ = reason;
    timer_.disarm();
    for (const auto& each : std::exchange(waiting_, {})) refuse(*each.visitor, errc::stopped);
    count_waiting();
    for (auto& each : std::exchange(accepts_, {})) each.done(reason, nullptr);
  }

  void drop_handlers() override {
    const auto accepts = std::exchange(accepts_, {});
    drains_.drop_handlers();
  }

  /// Resets the streams of all visitors.
  void abort_all() {
    const std::vector<stream_pointer> all(active_.begin(), active_.end());
    for (const auto& each : all) each->cut(errc::stopped);
  }

  /// Calls `done` once no stream of a visitor is open. After `timeout`, or an earlier one of another
  /// call, the others are reset and `done` gets `errc::timed_out`; it gets
  /// `asio::error::operation_aborted` if streams are cut before that.
  void drain(duration timeout, completion<> done) {
    if (active_.empty()) return done({});
    timer_.arm(drains_.add(runtime_.now(), timeout, std::move(done)), [this] {
      drains_.deadline_passed();
      abort_all();
    });
  }

  /// Returns what the listener has done. May be called by any thread.
  [[nodiscard]] listener_stats stats() const {
    return {accepted_, refused_, waiting_count_, active_count_, received_, sent_};
  }

 private:
  struct waiting_visitor {
    stream_pointer visitor;
    time_point deadline;
  };
  struct pending_accept {
    std::uint64_t id;
    completion<stream_pointer> done;
  };

  void accepted(completion<stream_pointer> done, stream_pointer visitor) {
    active_.push_back(visitor);
    active_count_ = active_.size();
    ++accepted_;
    done({}, std::move(visitor));
  }

  void refuse(io::shared_stream& visitor, std::error_code why) {
    ++refused_;
    visitor.abort(why);
  }

  void cancel(std::uint64_t id) {
    const auto at = std::ranges::find(accepts_, id, &pending_accept::id);
    if (at == accepts_.end()) return;
    auto done = std::move(at->done);
    accepts_.erase(at);
    done(asio::error::operation_aborted, nullptr);
  }

  /// Sees to it that the visitor that has waited longest does not wait longer than it may.
  void arm() {
    if (waiting_.empty()) return timer_.disarm();
    timer_.arm(waiting_.front().deadline, [this] {
      const time_point now = runtime_.now();
      while (!waiting_.empty() && waiting_.front().deadline <= now) {
        const auto late = std::move(waiting_.front());
        waiting_.pop_front();
        refuse(*late.visitor, errc::timed_out);
      }
      count_waiting();
      arm();
      has_room_again();
    });
  }

  void count_waiting() { waiting_count_ = waiting_.size(); }

  void idle() {
    timer_.disarm();
    drains_.complete();
  }

  R runtime_;
  const std::size_t backlog_;
  const duration accept_timeout_;
  std::deque<waiting_visitor> waiting_;
  std::deque<pending_accept> accepts_;
  std::list<stream_pointer> active_;
  drain_list drains_;
  typename R::timer timer_;
  std::uint64_t next_accept_ = 0;
  bool is_closed_ = false;
  std::error_code reason_;
  std::atomic<std::uint64_t> accepted_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<std::size_t> waiting_count_ = 0;
  std::atomic<std::size_t> active_count_ = 0;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> sent_ = 0;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
