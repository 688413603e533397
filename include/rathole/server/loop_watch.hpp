#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/io/time/earliest_timer.hpp>
#include <rathole/protocol/loop_detector.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/waiting_streams.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::server_side {

/// Watches the visitors of a session that come from its client's own address, in order to detect a
/// service that leads back to itself; see `protocol::loop_detector`. It lives on the control plane,
/// as long as the session or a connection that it watches.
template <class Session>
class loop_watch : public std::enable_shared_from_this<loop_watch<Session>> {
 public:
  /// The type of a visitor.
  using visitor_type = typename Session::visitor_type;
  /// The type of the server's context.
  using context_type = typename Session::context_type;

  /// Makes a watch for `session`, whose client is at `client`. The session must call `close` before
  /// it is destroyed.
  loop_watch(Session& session, const address& client)
      : session_(&session),
        context_(session.shared_context()),
        client_(protocol::source_network(client.host)),
        timer_(context_->runtime(), [this] { perform_actions(); }) {}

  /// Returns whether a visitor at `peer` may come from the client.
  [[nodiscard]] bool concerns(const address& peer) const {
    // All peers of Unix-domain sockets are called alike, which says nothing about who they are.
    if (peer.is_unix()) return false;
    return protocol::source_network(peer.host) == client_;
  }

  /// Accepts a visitor that may come from the client: passes it to the session, now or later, or
  /// refuses it.
  void visitor_arrived(visitor_type visitor) {
    if (!session_) return;
    if (detector_.held() >= session_->service()->pool.max_waiting_visitors) {
      return refuse(visitor);
    }
    const std::uint64_t id = next_id_++;
    waiting_visitor<visitor_type> waiting(std::move(visitor), session_->waiting_counter());
    add_waiting(held_, id, std::move(waiting), [&] { detector_.visitor_arrived(id); });
    perform_actions();
  }

  /// Records that a connection starts, which is watched until `ended`. Returns its number.
  std::uint64_t started(std::shared_ptr<const io::live_connection> connection) {
    const std::uint64_t number = next_id_++;
    const auto at = forwards_.emplace(number, std::move(connection)).first;
    try {
      detector_.started(number);
    } catch (const std::bad_alloc&) {
      forwards_.erase(at);
      throw;
    }
    return number;
  }

  /// Records that the connection `number` has ended.
  void ended(std::uint64_t number) {
    detector_.ended(number, context_->runtime().now());
    forwards_.erase(number);
    perform_actions();
  }

  /// Ends the watch with the session, and passes the visitors that are held to `give_back`.
  template <class F>
  void close(F give_back) {
    session_ = nullptr;
    timer_.disarm();
    auto held = std::exchange(held_, {});
    for (auto& [id, each] : held) give_back(std::move(each.visitor));
  }

 private:
  /// Performs the actions of the detector. If memory runs out, the detector and this object may
  /// disagree, so the session ends.
  void perform_actions() {
    const auto kept = this->shared_from_this();
    try {
      while (session_) {
        const auto action = detector_.poll(context_->runtime().now());
        if (!action) return timer_.arm(detector_.deadline());
        std::visit([&](const auto& what) { perform(what); }, *action);
      }
    } catch (const std::bad_alloc&) {
      if (session_) session_->close(out_of_memory());
    }
  }

  void perform(const protocol::admit_visitor& what) {
    auto admitted = held_.extract(what.visitor);
    session_->queue_visitor(std::move(admitted.mapped().visitor));
  }
  void perform(const protocol::refuse_visitor& what) {
    auto refused = held_.extract(what.visitor);
    refuse(refused.mapped().visitor);
  }
  void perform(const protocol::check_answers&) {
    for (const auto& [number, each] : forwards_) {
      if (each->carried().sent > 0) detector_.answered(number);
    }
  }
  void perform(const protocol::loop_found&) {
    const service_loops event{session_->service()->name, session_->peer()};
    context_->emit(event);
  }

  void refuse(visitor_type& visitor) {
    const std::error_code cause = errc::limit_reached;
    visitor.abort(cause);
    const visitor_refused event{session_->service()->name, visitor.peer(), cause, true};
    context_->emit(event);
  }

  Session* session_;
  const std::shared_ptr<context_type> context_;
  const std::string client_;
  protocol::loop_detector detector_;
  io::earliest_timer<typename context_type::runtime_type> timer_;
  waiting_visitors<visitor_type> held_;
  std::map<std::uint64_t, std::shared_ptr<const io::live_connection>> forwards_;
  std::uint64_t next_id_ = 0;
};

}  // namespace rathole::server_side
