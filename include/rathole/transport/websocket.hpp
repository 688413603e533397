#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/stacked_layer.hpp>
#include <rathole/protocol/protocol_check_layer.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/websocket/layer.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::transport {

namespace detail {

/// Returns a maker of WebSocket layers over the layers of `below`, or over the bare stream if
/// `below` is empty. `make` returns one WebSocket layer.
template <class Make>
layer_maker websocket_over(layer_maker below, Make make) {
  if (!below) {
    return [make]() -> result<any_layer> {
      using checked_layer =
          protocol::protocol_check_layer<std::invoke_result_t<Make>, protocol::wire_protocol::http>;
      return any_layer::of(checked_layer(make()));
    };
  }
  return [below = std::move(below), make]() -> result<any_layer> {
    auto lower = below();
    if (!lower) return failure(lower.error());
    return any_layer::of(stacked_layer(make(), std::move(*lower)));
  };
}

}  // namespace detail

/// Returns why `options` cannot be used, as a text for users; nothing if they can.
inline std::optional<std::string> websocket_problem(const config::websocket_options& options) {
  if (options.path) {
    if (auto wrong = websocket::path_problem(*options.path)) return wrong;
  }
  if (options.host) {
    if (auto wrong = websocket::host_problem(*options.host)) return wrong;
  }
  for (const auto& [name, value] : options.headers) {
    if (auto wrong = websocket::header_problem(name, value.view())) return wrong;
  }
  return std::nullopt;
}

/// Returns the layer maker of `[client.transport.websocket]`, over those of `below` if it is not
/// empty. Requests name `options.host` or, without that, the address by which the server is named.
inline client_layer_maker websocket_client_layers(const config::websocket_options& options,
                                                  client_layer_maker below) {
  websocket::client_settings settings;
  if (options.path) settings.path = *options.path;
  if (options.host) settings.host = *options.host;
  settings.headers = options.headers;
  settings.ping_interval = options.ping_interval;
  return [settings, below = std::move(below),
          has_host = options.host.has_value()](const address& server) -> result<any_layer> {
    websocket::client_settings own = settings;
    if (!has_host) own.host = websocket::host_header(server);
    layer_maker lower;
    if (below) lower = [&below, &server] { return below(server); };
    return detail::websocket_over(std::move(lower),
                                  [&own] { return websocket::layer<>::client(own); })();
  };
}

/// Returns the layer maker of `[server.transport.websocket]`, as for a client.
inline layer_maker websocket_server_layers(const config::websocket_options& options,
                                           layer_maker below) {
  websocket::server_settings settings;
  settings.path = options.path;
  settings.ping_interval = options.ping_interval;
  return detail::websocket_over(std::move(below),
                                [settings] { return websocket::layer<>::server(settings); });
}

}  // namespace rathole::transport
