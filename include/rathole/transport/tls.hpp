#pragma once

#include <rathole/config/types.hpp>
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
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::transport::detail {

/// Returns the layer maker of the loaded context, each with the arguments `name`; passes on the
/// error if the context could not be loaded.
template <class Context, class... Name>
std::expected<layer_maker, std::string> wrap_tls_context(std::expected<Context, std::string> loaded,
                                                         const Name&... name) {
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return [context = std::move(*loaded), name...]() -> result<any_layer> {
    auto made = context.make_layer(name...);
    if (!made) return failure(made.error());
    using layer_type = std::remove_cvref_t<decltype(*made)>;
    using checked_layer = protocol::protocol_check_layer<layer_type, protocol::wire_protocol::tls>;
    return any_layer::of(checked_layer(std::move(*made)));
  };
}

}  // namespace rathole::transport::detail

namespace rathole::transport::inline RATHOLE_ABI {

/// Returns the layer maker of `[client.transport.tls]`, or a text that says why it cannot be made.
/// The server's certificate must be for `host`, a name or an IP literal. `report_problem` receives
/// the problems of files that change later; any thread may call it.
inline std::expected<layer_maker, std::string> tls_client_layers(
    const config::tls_options& options, const std::string& host,
    tls::problem_handler report_problem) {
  tls::client_settings settings;
  settings.trusted_root = options.trusted_root;
  settings.trusted_root_only = options.trusted_root_only;
  settings.half_close_timeout =
      options.half_close_timeout.value_or(config::defaults::service_end_hold);
  settings.report_problem = std::move(report_problem);
#if RATHOLE_WITH_OPENSSL
  if (selected_engine(options) == config::tls_engine::openssl) {
    return detail::wrap_tls_context(tls::client_context<tls::openssl_engine>::load(settings), host);
  }
#endif
  return detail::wrap_tls_context(tls::client_context<tls::botan_engine>::load(settings), host);
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
    return detail::wrap_tls_context(tls::server_context<tls::openssl_engine>::load(settings));
  }
#endif
  return detail::wrap_tls_context(tls::server_context<tls::botan_engine>::load(settings));
}

}  // namespace rathole::transport::inline RATHOLE_ABI
