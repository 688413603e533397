#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/proxy/any_proxy.hpp>
#include <rathole/tls/file_news.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_NOISE
#include <rathole/transport/noise.hpp>
#endif
#if RATHOLE_WITH_TLS
#include <rathole/transport/tls.hpp>
#endif
#if RATHOLE_WITH_WEBSOCKET
#include <rathole/transport/websocket.hpp>
#endif

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::transport {

/// The prepared transport of a server.
struct prepared_server {
  /// The kind of the transport.
  config::transport_kind kind = config::transport_kind::tcp;
  /// The socket options of the connections.
  io::socket_options options = {};
  /// The maker of the layers; empty for bare TCP.
  layer_maker layers = {};
};

/// The prepared transport of a client.
struct prepared_client {
  /// The kind of the transport.
  config::transport_kind kind = config::transport_kind::tcp;
  /// The socket options of the connections.
  io::socket_options options = {};
  /// The proxy to connect through, if any.
  std::optional<proxy::settings> proxy = {};
  /// The maker of the layers; empty for bare TCP.
  client_layer_maker layers = {};
  /// The number of connections that carry multiplexed streams; 0 if there is no multiplexing.
  std::size_t connections = 0;
};

/// A function that receives reports about files of keys and certificates; it may be called by any
/// thread.
using problem_handler = tls::problem_handler;

}  // namespace rathole::transport

namespace rathole::transport::detail::inline RATHOLE_ABI {

/// The function that makes the layers of one side.
template <class Block>
using maker_of =
    std::conditional_t<std::is_same_v<Block, config::client>, client_layer_maker, layer_maker>;

/// The function that makes layers, or a text that says why there is none.
template <class Block>
using maker_or_reason = std::expected<maker_of<Block>, std::string>;

#if RATHOLE_WITH_TLS
/// Returns the TLS layer maker of a client.
inline maker_or_reason<config::client> make_tls_layers(const config::client& settings,
                                                       const problem_handler& report_problem) {
  return tls_client_layers(*settings.transport.tls, report_problem);
}
/// Returns the TLS layer maker of a server.
inline maker_or_reason<config::server> make_tls_layers(const config::server& settings,
                                                       const problem_handler& report_problem) {
  return tls_server_layers(*settings.transport.tls, report_problem);
}
#endif
#if RATHOLE_WITH_WEBSOCKET
/// Returns the WebSocket layer maker of a client over the layers of `below`.
inline client_layer_maker make_websocket_layers(const config::client& settings,
                                                client_layer_maker below) {
  return websocket_client_layers(*settings.transport.websocket, std::move(below));
}
/// Returns the WebSocket layer maker of a server over the layers of `below`.
inline layer_maker make_websocket_layers(const config::server& settings, layer_maker below) {
  return websocket_server_layers(*settings.transport.websocket, std::move(below));
}
#endif

#if RATHOLE_WITH_NOISE
/// Returns the Noise layer maker of one side. It does not depend on the name of the server.
template <class Block>
maker_or_reason<Block> make_noise_layers(const config::noise_options& options, config::side where) {
  auto made = noise_layers(options, where);
  if constexpr (std::is_same_v<Block, config::server>) {
    return made;
  } else {
    if (!made) return std::unexpected(std::move(made.error()));
    return [make = std::move(*made)](const address&) { return make(); };
  }
}
#endif

/// Returns the layer maker of a transport that has its required tables and is built in, or a text
/// that says why it cannot be made.
template <class Block>
maker_or_reason<Block> make_layers([[maybe_unused]] const Block& settings,
                                   [[maybe_unused]] config::side where,
                                   [[maybe_unused]] const problem_handler& report_problem) {
  [[maybe_unused]] const config::transport& wanted = settings.transport;
  switch (wanted.kind) {
#if RATHOLE_WITH_NOISE
    case config::transport_kind::noise: return make_noise_layers<Block>(*wanted.noise, where);
#endif
#if RATHOLE_WITH_TLS
    case config::transport_kind::tls: return make_tls_layers(settings, report_problem);
#endif
#if RATHOLE_WITH_WEBSOCKET
    case config::transport_kind::websocket: {
      if (auto wrong = websocket_problem(*wanted.websocket)) {
        return std::unexpected(std::move(*wrong));
      }
      maker_of<Block> below;
#if RATHOLE_WITH_TLS
      if (wanted.websocket->tls) {
        auto tls = make_tls_layers(settings, report_problem);
        if (!tls) return tls;
        below = std::move(*tls);
      }
#endif
      return make_websocket_layers(settings, std::move(below));
    }
#endif
    default: return maker_of<Block>();
  }
}

/// Returns the layer maker of `settings`, or all problems that prevent it.
template <class Block>
std::expected<maker_of<Block>, std::vector<config::problem>> prepare_layers(
    const Block& settings, config::side where, const problem_handler& report_problem) {
  auto problems = config::start_problems(settings.transport, where);
  if (auto missing = missing_part(settings.transport, where)) {
    problems.push_back(std::move(*missing));
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  auto made = make_layers(settings, where, report_problem);
  if (made) return std::move(*made);
  problems.push_back(
      {.key = std::string(name_of(where)) + ".transport." + name_of(settings.transport.kind),
       .what = std::move(made.error())});
  return std::unexpected(std::move(problems));
}

/// Returns the settings of the proxy at `url`, if there is one.
inline std::optional<proxy::settings> to_proxy_settings(
    const std::optional<config::proxy_url>& url) {
  if (!url) return std::nullopt;
  proxy::settings out;
  out.scheme =
      url->scheme == config::proxy_scheme::socks5 ? proxy::scheme::socks5 : proxy::scheme::http;
  out.proxy = config::proxy_address(*url);
  if (url->credentials) {
    out.credentials = proxy::credentials{url->credentials->username, url->credentials->password};
  }
  return out;
}

}  // namespace rathole::transport::detail::inline RATHOLE_ABI

namespace rathole::transport::inline RATHOLE_ABI {

/// Prepares the transport of a client, and reads the key and certificate files that it names. Fails
/// with all problems, which have key paths but no positions in a file. `report_problem` receives
/// the problems of files that change later.
inline std::expected<prepared_client, std::vector<config::problem>> prepare(
    const config::client& settings, const problem_handler& report_problem = {}) {
  auto layers = detail::prepare_layers(settings, config::side::client, report_problem);
  auto proxy = detail::to_proxy_settings(settings.transport.tcp.proxy);
  std::vector<config::problem> problems;
  if (!layers) problems = std::move(layers.error());
  if (proxy && proxy->credentials) {
    if (auto wrong = proxy::credentials_problem(proxy->scheme, *proxy->credentials)) {
      problems.push_back({.key = "client.transport.tcp.proxy", .what = std::move(*wrong)});
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  prepared_client out{.kind = settings.transport.kind,
                      .options = to_socket_options(settings),
                      .proxy = std::move(proxy),
                      .layers = std::move(*layers)};
  if (settings.transport.multiplex) out.connections = config::connections_of(settings.transport);
  return out;
}

/// Prepares the transport of a server, as for a client. A server ignores a proxy.
inline std::expected<prepared_server, std::vector<config::problem>> prepare(
    const config::server& settings, const problem_handler& report_problem = {}) {
  auto layers = detail::prepare_layers(settings, config::side::server, report_problem);
  if (!layers) return std::unexpected(std::move(layers.error()));
  return prepared_server{.kind = settings.transport.kind,
                         .options = to_socket_options(settings.transport.tcp),
                         .layers = std::move(*layers)};
}

}  // namespace rathole::transport::inline RATHOLE_ABI
