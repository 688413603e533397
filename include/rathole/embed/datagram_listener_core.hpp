#pragma once

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/embed/context_end.hpp>
#include <rathole/embed/datagram_queue.hpp>
#include <rathole/embed/datagram_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/take_function.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The datagrams of a UDP service that the program itself serves, between the client and the calls
/// of `datagram_listener`. It lives on the control plane, as all its functions do except `stats`. It
/// must be held by `shared_ptr`.
class datagram_listener_core final : public client_side::datagram_receiver,
                                     public context_member,
                                     public std::enable_shared_from_this<datagram_listener_core> {
 public:
  /// Makes an open listener, for which at most `backlog` bytes of datagrams wait; see
  /// `datagram_queue`.
  explicit datagram_listener_core(std::size_t backlog) : waiting_(backlog) {}

  std::size_t receive(std::span<const protocol::udp_frame> frames,
                      const std::shared_ptr<client_side::datagram_sender>& replies) override {
    remember(replies);
    std::size_t taken = 0;
    for (const protocol::udp_frame& each : frames) {
      // A completion may have closed the listener.
      if (is_closed_) break;
      if (!receives_.empty()) {
        auto next = std::move(receives_.front());
        receives_.pop_front();
        ++received_;
        const std::size_t size = next.take(each.visitor, each.payload);
        next.done({}, size);
      } else if (!waiting_.push(each.visitor, each.payload)) {
        ++dropped_;
        continue;
      }
      ++taken;
    }
    return taken;
  }

  void drop_handlers() override { const auto receives = std::exchange(receives_, {}); }

  void close(std::error_code reason) override {
    if (std::exchange(is_closed_, true)) return;
    reason_ = reason;
    waiting_.clear();
    for (auto& each : std::exchange(receives_, {})) each.done(reason, 0);
  }

  /// Takes the datagram that has waited longest, now or once there is one, and completes with the
  /// number of its bytes that `take` returned.
  void receive_from(take_function take, completion<std::size_t> done,
                    const cancellation_pointer& cancel) {
    if (is_closed_) return done(reason_, 0);
    if (!waiting_.empty()) {
      ++received_;
      const std::size_t size = take(waiting_.sender(), waiting_.payload());
      waiting_.pop();
      return done({}, size);
    }
    const std::uint64_t id = next_receive_++;
    receives_.push_back({id, std::move(take), std::move(done)});
    if (!cancel) return;
    cancel->action = [self = weak_from_this(), id](asio::cancellation_type) {
      if (const auto me = self.lock()) me->cancel(id);
    };
  }

  /// Sends a datagram to a visitor, and completes with its size, also if it is lost. Fails with
  /// `asio::error::message_size` if it is longer than `max_datagram_size`.
  void send_to(const ip_endpoint& to, byte_view payload, completion<std::size_t> done) {
    if (is_closed_) return done(reason_, 0);
    if (payload.size() > max_datagram_size) return done(asio::error::message_size, 0);
    const auto service = sender_to(to);
    const bool is_sent = service && service->send(to, payload);
    ++(is_sent ? sent_ : unsent_);
    done({}, payload.size());
  }

  /// Returns what the listener has done. May be called by any thread.
  [[nodiscard]] datagram_stats stats() const { return {received_, dropped_, sent_, unsent_}; }

 private:
  struct pending_receive {
    std::uint64_t id;
    take_function take;
    completion<std::size_t> done;
  };

  /// Lets `replies` be asked first for the way to a visitor.
  void remember(const std::shared_ptr<client_side::datagram_sender>& replies) {
    const auto is_at = [&replies](const auto& each) { return each.lock() == replies; };
    if (!replies_.empty() && is_at(replies_.front())) return;
    std::erase_if(replies_, [&](const auto& each) { return each.expired() || is_at(each); });
    replies_.insert(replies_.begin(), replies);
  }

  /// Returns what knows `to`; without that, what the last datagram came from. Null if nothing is left.
  [[nodiscard]] std::shared_ptr<client_side::datagram_sender> sender_to(
      const ip_endpoint& to) const {
    std::shared_ptr<client_side::datagram_sender> last;
    for (const auto& each : replies_) {
      const auto sender = each.lock();
      if (!sender) continue;
      if (replies_.size() == 1 || sender->knows(to)) return sender;
      if (!last) last = sender;
    }
    return last;
  }

  void cancel(std::uint64_t id) {
    const auto at = std::ranges::find(receives_, id, &pending_receive::id);
    if (at == receives_.end()) return;
    auto done = std::move(at->done);
    receives_.erase(at);
    done(asio::error::operation_aborted, 0);
  }

  datagram_queue waiting_;
  std::deque<pending_receive> receives_;
  /// What sends to the visitors of each server, beginning with that of the last datagram.
  std::vector<std::weak_ptr<client_side::datagram_sender>> replies_;
  std::uint64_t next_receive_ = 0;
  bool is_closed_ = false;
  std::error_code reason_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> unsent_ = 0;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
