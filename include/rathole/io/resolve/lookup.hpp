#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/dial_plan.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/resolve/resolver_pool.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// The addresses of a name, in the order in which to try them.
using endpoints = std::vector<asio::ip::tcp::endpoint>;

/// Returns whether a name means this machine, whatever a resolver says: `localhost` and all names
/// below it (RFC 6761 section 6.3).
inline bool is_localhost(std::string_view name) {
  constexpr std::string_view local = "localhost";
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() < local.size()) return false;
  const auto above = name.substr(0, name.size() - local.size());
  if (!above.empty() && !above.ends_with('.')) return false;
  return std::ranges::equal(name.substr(above.size()), local,
                            [](char c, char lower) { return (c | 0x20) == lower; });
}

/// Returns the endpoints of an address that needs no lookup: an IP literal, or `localhost`, which
/// is 127.0.0.1 and then ::1. Returns an empty list for other names.
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

/// Returns the endpoints in dial order; see the `in_dial_order` of `core`.
inline endpoints in_dial_order(endpoints found, bool prefer_ipv6) {
  return rathole::in_dial_order(std::move(found), prefer_ipv6,
                                [](const auto& each) { return each.address().is_v6(); });
}

/// One request for the addresses of a name. The system's resolver cannot be interrupted, so a
/// lookup that is given up continues in the pool's threads, for other requests.
class lookup {
 public:
  /// The longest wait for a lookup, whatever the deadline of the caller.
  static constexpr duration limit = std::chrono::seconds(10);
  /// The longest wait for the resolver if there is an earlier good answer (RFC 8767 section 5,
  /// the client response timer).
  static constexpr duration client_response_timeout = std::chrono::milliseconds(1800);

  /// Makes a request for the host of `name`, with its port, that completes on `ex`.
  explicit lookup(executor ex, address name, resolver_pool& pool = resolver_pool::of_process())
      : name_(std::move(name)),
        pool_(pool),
        ended_(ex),
        ticket_(std::make_shared<resolver_pool::ticket>(ex)) {
    ticket_->waiter = &ended_;
  }
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;
  /// Withdraws the request if it has no answer yet.
  ~lookup() {
    ticket_->waiter = nullptr;
    pool_.cancel(name_.host, ticket_);
  }

  /// Starts the request; must be called first, and once. Returns the time from which the last good
  /// answer may be used instead. Throws `std::bad_alloc`.
  time_point ask() { return pool_.ask(name_.host, ticket_) + client_response_timeout; }

  /// Returns the addresses once they are known. Fails as `resolver_pool::ask` says, or with the
  /// reason of `give_up`.
  task<endpoints> wait() {
    if (!ticket_->answer) co_await ended_.wait();
    const auto& answer = *ticket_->answer;
    if (!answer) co_return failure(answer.error());
    endpoints out;
    for (const auto& each : *answer) out.emplace_back(each, name_.port);
    co_return std::move(out);
  }

  /// Ends the wait with the last good answer, if there is one.
  void use_last_answer() {
    if (ticket_->answer) return;
    if (auto kept = pool_.last_answer(name_.host)) end(std::move(*kept));
  }

  /// Ends the wait with the error `reason`.
  void give_up(std::error_code reason) {
    if (!ticket_->answer) end(failure(reason));
  }

 private:
  void end(result<host_addresses> answer) {
    ticket_->answer = std::move(answer);
    ended_.notify();
  }

  address name_;
  resolver_pool& pool_;
  event ended_;
  resolver_pool::ticket_pointer ticket_;
};

}  // namespace rathole::io
