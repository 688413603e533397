#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/dial_plan.hpp>
#include <rathole/io/event.hpp>
#include <rathole/io/task.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/basic_resolver.hpp>
#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// Where a name leads, in the order to be tried.
using endpoints = std::vector<asio::ip::tcp::endpoint>;

/// Whether a name means this machine, whatever a resolver would say: `localhost` and all names below
/// it (RFC 6761 section 6.3).
inline bool is_localhost(std::string_view name) {
  constexpr std::string_view local = "localhost";
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() < local.size()) return false;
  const auto above = name.substr(0, name.size() - local.size());
  if (!above.empty() && !above.ends_with('.')) return false;
  return std::ranges::equal(name.substr(above.size()), local,
                            [](char c, char lower) { return (c | 0x20) == lower; });
}

/// Where an address leads that needs no look-up: an IP literal, or `localhost`, which is 127.0.0.1
/// and then ::1. Nothing for other names.
inline endpoints known_endpoints(const address& at) {
  if (is_localhost(at.host)) {
    return {{asio::ip::address_v4::loopback(), at.port},
            {asio::ip::address_v6::loopback(), at.port}};
  }
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(at.host, not_literal);
  if (not_literal) return {};
  return endpoints(1, {literal, at.port});
}

/// The order in which endpoints are dialled, as `in_dial_order` says.
inline endpoints in_dial_order(endpoints found, bool prefer_ipv6) {
  return rathole::in_dial_order(std::move(found), prefer_ipv6,
                                [](const auto& each) { return each.address().is_v6(); });
}

/// One look-up of a name. The system's resolver cannot be interrupted once it works, so a look-up
/// that is given up goes on in Asio's resolver thread, and its answer is dropped.
class lookup {
 public:
  explicit lookup(executor ex) : state_(std::make_shared<shared_state>(ex)) {}

  /// Returns the addresses of `name`. Fails with `errc::host_not_found`, with the resolver's code,
  /// or with `errc::stopped`. Called once.
  task<endpoints> run(const address& name) {
    state_->error = errc::stopped;
    state_->resolver.async_resolve(
        name.host, std::to_string(name.port),
        [state = state_](const std::error_code& ec, const resolver_type::results_type& results) {
          state->error = ec;
          for (const auto& entry : results) state->found.push_back(entry.endpoint());
          state->ended.notify();
        });
    co_await state_->ended.wait();
    const std::error_code ec = state_->error;
    if (ec == asio::error::host_not_found || ec == asio::error::no_data) {
      co_return failure(errc::host_not_found);
    }
    if (ec) co_return failure(translate(ec));
    co_return std::move(state_->found);
  }

  /// Ends `run` with `errc::stopped`.
  void give_up() {
    state_->resolver.cancel();
    state_->ended.notify();
  }

 private:
  using resolver_type = asio::ip::basic_resolver<asio::ip::tcp, executor>;

  struct shared_state {
    explicit shared_state(executor ex) : resolver(ex), ended(ex) {}
    resolver_type resolver;
    event ended;
    std::error_code error;
    endpoints found;
  };

  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::io
