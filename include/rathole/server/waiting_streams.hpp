#pragma once

#include <rathole/core/error.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <new>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace rathole::server {

/// A visitor that waits for a data channel.
template <class Stream>
struct waiting_visitor {
  /// Counts the visitor in `use`.
  waiting_visitor(Stream visitor, protocol::descriptor_use& use)
      : stream(std::move(visitor)), held(use.waiting) {}

  /// The visitor.
  Stream stream;
  /// Counts the visitor.
  protocol::descriptor_lease held;
  /// Why the visitor is rejected, if it is.
  std::error_code cause = errc::limit_reached;
};

/// Adds a visitor to `all` and, by `enter()`, to the machine that decides about it. If memory runs
/// out, it is in neither, and is reset.
template <class Map, class Stream, class Enter>
void add_waiting(Map& all, protocol::visitor_id id, waiting_visitor<Stream> visitor, Enter enter) {
  const auto at = all.emplace(id, std::move(visitor)).first;
  try {
    enter();
  } catch (const std::bad_alloc&) {
    at->second.stream.abort();
    all.erase(at);
    throw;
  }
}

/// A data channel that waits for a visitor or for a slot of a UDP service.
template <class Stream>
struct waiting_channel {
  /// Counts the data channel in `use`. `channel` must outlive it.
  waiting_channel(Stream& channel, protocol::descriptor_use& use)
      : stream(channel), held(use.idle) {}

  /// A map from the numbers of the waiting channels to the channels.
  using map = std::unordered_map<protocol::channel_id, waiting_channel*>;

  /// Keeps a channel in the map while it exists.
  class listing {
   public:
    /// Enters `one` under the number `id`.
    listing(map& all, protocol::channel_id id, waiting_channel& one) : all_(all), id_(id) {
      all_.emplace(id, &one);
    }
    listing(const listing&) = delete;
    listing& operator=(const listing&) = delete;
    /// Removes the channel.
    ~listing() { all_.erase(id_); }

   private:
    map& all_;
    const protocol::channel_id id_;
  };

  /// Closes the data channel, which has no visitor.
  void close() {
    stream.close();
    held.end();
  }

  /// The data channel.
  Stream& stream;
  /// Counts the data channel.
  protocol::descriptor_lease held;
  /// The visitor for which the channel was chosen; empty while it waits.
  std::optional<protocol::visitor_id> visitor;
};

}  // namespace rathole::server
