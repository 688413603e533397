#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/resolve/lookup.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/tcp/acceptor.hpp>

#include <cstdint>
#include <system_error>
#include <utility>

namespace rathole::admin {

/// Opens the listener of the admin API. The host of `options.bind_addr` must be an IP address or
/// `localhost`. A Unix-domain socket that a process has left behind is replaced. Fails with the system's
/// error.
inline result<io::tcp_acceptor> listen(const io::executor& ex,
                                       const config::admin_options& options) {
  auto at = parse_address(options.bind_addr);
  if (!at) return failure(at.error());
  if (at->is_unix()) {
    at->permissions.mode = static_cast<std::uint16_t>(options.mode);
    return io::tcp_acceptor::open_unix(ex, *at);
  }
  std::error_code last = make_error_code(errc::host_not_found);
  for (const auto& endpoint : io::known_endpoints(*at)) {
    const auto open = [&](const asio::ip::tcp::endpoint& one) {
      return io::tcp_acceptor::open(ex, one, io::socket_options());
    };
    auto opened = io::open_bound(endpoint, open);
    if (opened) return opened;
    last = opened.error();
  }
  return failure(last);
}

}  // namespace rathole::admin
