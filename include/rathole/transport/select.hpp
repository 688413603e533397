#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/transport/tcp.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::transport {

/// What `settings` asks for that this build does not contain, as the key and what it says; nothing
/// if all of it is there. A server ignores a proxy.
inline std::optional<config::problem> missing_part(const config::transport& settings,
                                                   config::side where) {
  const std::string path = where == config::side::server ? "server.transport" : "client.transport";
  const auto lacking = [&path](const char* kind) {
    return config::problem{.key = path + ".type",
                           .what = std::string(kind) + " is not built into this program",
                           .remedy = "choose `tcp` at both ends"};
  };
  switch (settings.kind) {
    case config::transport_kind::tls: return lacking("tls");
    case config::transport_kind::noise: return lacking("noise");
    case config::transport_kind::websocket: return lacking("websocket");
    case config::transport_kind::tcp: break;
  }
  if (where == config::side::client && settings.tcp.proxy) {
    return config::problem{.key = path + ".tcp.proxy",
                           .what = "connecting through a proxy is not built into this program",
                           .remedy = "remove the key to connect directly"};
  }
  return std::nullopt;
}

/// What `use(transport)`, a `result`, returns for the transport that `settings` asks for, in the
/// world `runtime`. Fails with `errc::not_built_in`, without calling it, if there is a
/// `missing_part`.
template <io::Runtime R, class F>
auto visit(const config::transport& settings, config::side where, R runtime, F&& use)
    -> std::invoke_result_t<F, tcp<R>> {
  if (missing_part(settings, where)) return failure(errc::not_built_in);
  return std::forward<F>(use)(tcp<R>(std::move(runtime), to_socket_options(settings.tcp)));
}

}  // namespace rathole::transport
