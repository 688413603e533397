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
  waiting_visitor(Stream visitor, protocol::descriptor_use& use)
      : stream(std::move(visitor)), held(use.waiting) {}

  Stream stream;
  protocol::descriptor_lease held;
  /// Why it is turned away if it is.
  std::error_code cause = errc::limit_reached;
};

/// Adds a visitor to `all`, and by `enter()` to what decides about it. Where memory runs out it is in
/// neither, and is reset.
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

/// A data channel that waits for a visitor, or a slot of a UDP service.
template <class Stream>
struct waiting_channel {
  waiting_channel(Stream& channel, protocol::descriptor_use& use)
      : stream(channel), held(use.idle) {}

  /// Those that wait, by their numbers.
  using map = std::unordered_map<protocol::channel_id, waiting_channel*>;

  /// Lists a channel as long as it lives, also where memory runs out.
  class listing {
   public:
    listing(map& all, protocol::channel_id id, waiting_channel& one) : all_(all), id_(id) {
      all_.emplace(id, &one);
    }
    listing(const listing&) = delete;
    listing& operator=(const listing&) = delete;
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

  Stream& stream;
  protocol::descriptor_lease held;
  std::optional<protocol::visitor_id> visitor;
};

}  // namespace rathole::server
