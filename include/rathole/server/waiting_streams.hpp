#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/transport/descriptors_of.hpp>

#include <cstddef>
#include <map>
#include <new>
#include <unordered_map>
#include <utility>

namespace rathole::server_side {

/// A visitor that waits for a data channel. `Visitor` is a `visitor`.
template <class Visitor>
struct waiting_visitor {
  /// Counts the visitor in `counter`.
  waiting_visitor(Visitor waiting, std::size_t& counter)
      : visitor(std::move(waiting)), held(counter) {}

  /// The visitor.
  Visitor visitor;
  /// Counts the visitor.
  protocol::descriptor_lease held;
};

/// Visitors that wait, by number. It is a `std::map`, out of which and into which a visitor moves
/// without memory.
template <class Visitor>
using waiting_visitors = std::map<protocol::visitor_id, waiting_visitor<Visitor>>;

/// Adds a visitor to `all` and, by `enter()`, to the machine that decides about it. If memory runs
/// out, it is in neither, and is reset.
template <class Visitor, class Enter>
void add_waiting(waiting_visitors<Visitor>& all, protocol::visitor_id id,
                 waiting_visitor<Visitor> visitor, Enter enter) {
  const auto at = all.emplace(id, std::move(visitor)).first;
  try {
    enter();
  } catch (const std::bad_alloc&) {
    at->second.visitor.abort(out_of_memory());
    all.erase(at);
    throw;
  }
}

/// The place of a data channel from its arrival until the connection of a visitor is active. While
/// the channel is idle the place is empty; then it holds the visitor for which it is being started.
template <class Channel, class Visitor>
class channel_place {
 public:
  /// A visitor, moved out of the session's `waiting_visitors`.
  using visitor_node = typename waiting_visitors<Visitor>::node_type;
  /// The places of a session, by the numbers of the channels.
  using map = std::unordered_map<protocol::channel_id, channel_place*>;

  /// Enters the place of the channel `id` in `all`, and counts the descriptor of the idle channel
  /// in `use`. `channel`,
  /// `all` and `use` must outlive the place.
  channel_place(map& all, protocol::channel_id id, Channel& channel, protocol::descriptor_use& use)
      : all_(all), id_(id), channel_(channel), held_(use.idle, transport::descriptors_of(channel)) {
    all_.emplace(id, this);
  }
  channel_place(const channel_place&) = delete;
  channel_place& operator=(const channel_place&) = delete;
  /// Removes the place.
  ~channel_place() { all_.erase(id_); }

  /// Hands `visitor` over to the coroutine of the channel: puts it here, and ends the coroutine's
  /// wait for the channel. Needs no memory.
  void assign(visitor_node given) {
    held_.end();
    visitor = std::move(given);
    channel_.cancel_wait();
  }

  /// Closes the channel.
  void close() {
    channel_.close();
    held_.end();
  }

  /// The visitor that the channel serves; empty while the channel is idle.
  visitor_node visitor;

 private:
  map& all_;
  const protocol::channel_id id_;
  Channel& channel_;
  protocol::descriptor_lease held_;
};

}  // namespace rathole::server_side
