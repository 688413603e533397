#pragma once

#include <rathole/core/error.hpp>
#include <rathole/protocol/channel_pool.hpp>

#include <optional>
#include <system_error>
#include <utility>

namespace rathole::server {

/// A visitor that waits for a data channel.
template <class Stream>
struct waiting_visitor {
  explicit waiting_visitor(Stream visitor) : stream(std::move(visitor)) {}

  Stream stream;
  /// Why it is turned away if it is.
  std::error_code cause = errc::limit_reached;
};

/// A data channel that waits for a visitor, or a slot of a UDP service.
template <class Stream>
struct waiting_channel {
  explicit waiting_channel(Stream& channel) : stream(channel) {}

  Stream& stream;
  std::optional<protocol::visitor_id> visitor;
};

}  // namespace rathole::server
