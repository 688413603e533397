#pragma once

#include <rathole/core/machine.hpp>
#include <rathole/proxy/http_connect.hpp>
#include <rathole/proxy/settings.hpp>
#include <rathole/proxy/socks5.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

namespace rathole::proxy {

/// Runs the client's side of a proxy protocol of either kind; models `Machine`. Its only event is
/// `connected`: from there on the stream is the connection to the target.
class any_proxy {
 public:
  /// The type of the events that `poll` returns.
  using event = proxy::event;

  /// Asks the proxy of `how` for a connection to `target`; the proxy resolves the name.
  any_proxy(const settings& how, const address& target) : held_(make(how, target)) {}

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const {
    return std::visit([](const auto& machine) { return machine.wanted(); }, held_);
  }
  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) {
    return std::visit([=](auto& machine) { return machine.feed(in); }, held_);
  }
  /// Returns the next event; see `Machine`.
  result<std::optional<event>> poll(time_point now) {
    return std::visit([=](auto& machine) { return machine.poll(now); }, held_);
  }
  /// Appends the bytes to be sent; see `Machine`.
  bool transmit(byte_buffer& out) {
    return std::visit([&](auto& machine) { return machine.transmit(out); }, held_);
  }
  /// Returns nothing: the caller limits the time.
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  using either = std::variant<socks5, http_connect>;

  static either make(const settings& how, const address& target) {
    if (how.scheme == scheme::http) return http_connect(how.credentials, target);
    return socks5(how.credentials, target);
  }

  either held_;
};

}  // namespace rathole::proxy
