#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/event.hpp>
#include <rathole/io/task.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/basic_resolver.hpp>
#include <asio/ip/tcp.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// Where a name leads, in the order to be tried.
using endpoints = std::vector<asio::ip::tcp::endpoint>;

/// The endpoint of an address whose host is an IP literal; nothing for a name.
inline std::optional<asio::ip::tcp::endpoint> literal_endpoint(const address& at) {
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(at.host, not_literal);
  if (not_literal) return std::nullopt;
  return asio::ip::tcp::endpoint(literal, at.port);
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
