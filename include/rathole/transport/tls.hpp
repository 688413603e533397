#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/protocol/protocol_check_layer.hpp>
#include <rathole/tls/botan/engine.hpp>
#include <rathole/tls/context.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/tls/openssl/engine.hpp>
#endif

#include <expected>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::transport::detail {

/// Returns a layer of `context` for the names `name`.
template <class Context, class... Name>
result<any_layer> make_tls_layer(const Context& context, const Name&... name) {
  auto made = context.make_layer(name...);
  if (!made) return failure(made.error());
  using layer_type = std::remove_cvref_t<decltype(*made)>;
  using checked_layer = protocol::protocol_check_layer<layer_type, protocol::wire_protocol::tls>;
  return any_layer::of(checked_layer(std::move(*made)));
}

/// Returns the layer maker of the loaded context of a server; passes on the error if the context
/// could not be loaded.
template <class Context>
std::expected<layer_maker, std::string> wrap_tls_server(
    std::expected<Context, std::string> loaded) {
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return [context = std::move(*loaded)] { return make_tls_layer(context); };
}

/// Returns the layer maker of the loaded context of a client. Certificates must be for `hostname`, or
/// for the host of each server.
template <class Context>
std::expected<client_layer_maker, std::string> wrap_tls_client(
    std::expected<Context, std::string> loaded, const std::optional<std::string>& hostname) {
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return [context = std::move(*loaded), hostname](const address& server) {
    return make_tls_layer(context, hostname.value_or(server.host));
  };
}

}  // namespace rathole::transport::detail

namespace rathole::transport::inline RATHOLE_ABI {

/// Returns the layer maker of `[client.transport.tls]`, or a text that says why it cannot be made.
/// The certificate of a server must be for `options.hostname` or, without that, for the host by which
/// the server is named. `report_problem` receives the problems of files that change later; any thread
/// may call it.
inline std::expected<client_layer_maker, std::string> tls_client_layers(
    const config::tls_options& options, tls::problem_handler report_problem) {
  tls::client_settings settings;
  settings.trusted_root = options.trusted_root;
  settings.trusted_root_only = options.trusted_root_only;
  settings.half_close_timeout =
      options.half_close_timeout.value_or(config::defaults::service_end_hold);
  settings.report_problem = std::move(report_problem);
#if RATHOLE_WITH_OPENSSL
  if (selected_engine(options) == config::tls_engine::openssl) {
    return detail::wrap_tls_client(tls::client_context<tls::openssl_engine>::load(settings),
                                   options.hostname);
  }
#endif
  return detail::wrap_tls_client(tls::client_context<tls::botan_engine>::load(settings),
                                 options.hostname);
}

/// Returns the same for one server, whose certificate must be for `host`, a name or an IP literal.
inline std::expected<layer_maker, std::string> tls_client_layers(
    const config::tls_options& options, const std::string& host,
    tls::problem_handler report_problem) {
  config::tls_options of_one = options;
  of_one.hostname = host;
  auto made = tls_client_layers(of_one, std::move(report_problem));
  if (!made) return std::unexpected(std::move(made.error()));
  return [make = std::move(*made)] { return make(address()); };
}

/// Returns the layer maker of `[server.transport.tls]`, as for a client.
inline std::expected<layer_maker, std::string> tls_server_layers(
    const config::tls_options& options, tls::problem_handler report_problem) {
  tls::server_settings settings;
  settings.pkcs12 = options.pkcs12;
  settings.pkcs12_password = options.pkcs12_password.value_or(secret());
  settings.cert = options.cert;
  settings.key = options.key;
  settings.half_close_timeout =
      options.half_close_timeout.value_or(config::defaults::visitor_end_hold);
  settings.report_problem = std::move(report_problem);
#if RATHOLE_WITH_OPENSSL
  if (selected_engine(options) == config::tls_engine::openssl) {
    return detail::wrap_tls_server(tls::server_context<tls::openssl_engine>::load(settings));
  }
#endif
  return detail::wrap_tls_server(tls::server_context<tls::botan_engine>::load(settings));
}

}  // namespace rathole::transport::inline RATHOLE_ABI
