#pragma once

#include <rathole/core/error.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <optional>
#include <system_error>
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

/// A data channel that waits for a visitor, or a slot of a UDP service.
template <class Stream>
struct waiting_channel {
  waiting_channel(Stream& channel, protocol::descriptor_use& use)
      : stream(channel), held(use.idle) {}

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
