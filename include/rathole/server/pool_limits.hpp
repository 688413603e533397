#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/protocol/channel_pool.hpp>

#include <algorithm>
#include <cstddef>

namespace rathole::server_side {

// The two layers, which cannot include each other, must have the same defaults.
static_assert(config::defaults::tcp_pool_size == protocol::default_pool_size &&
              config::defaults::pool_max_idle == protocol::default_max_idle &&
              config::defaults::max_waiting_visitors == protocol::default_max_waiting_visitors &&
              config::defaults::visitor_timeout == protocol::default_visitor_timeout);

/// Returns the limits of the channel pool of a TCP service, which may have `idle_share` idle data
/// channels by the descriptor budget.
inline protocol::pool_limits pool_limits_of(const config::server_service& service,
                                            std::size_t idle_share) {
  const config::pool_options& options = service.pool;
  protocol::pool_limits out;
  out.size = options.size;
  out.max_growth = std::max(options.max_size, options.size) - options.size;
  out.max_idle = std::min(options.max_idle, idle_share);
  out.max_waiting_visitors = options.max_waiting_visitors;
  out.visitor_timeout = options.visitor_timeout;
  return out;
}

}  // namespace rathole::server_side
