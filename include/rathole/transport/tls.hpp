#pragma once

#include <rathole/config/types.hpp>
#include <rathole/protocol/expecting_layer.hpp>
#include <rathole/tls/botan_engine.hpp>
#include <rathole/tls/context.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/missing_part.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/tls/openssl_engine.hpp>
#endif

#include <expected>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::transport {

namespace detail {

template <class Context, class... Name>
std::expected<layer_maker, std::string> tls_layers(std::expected<Context, std::string> loaded,
                                                   const Name&... name) {
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return [context = std::move(*loaded), name...]() -> result<any_layer> {
    auto made = context.make_layer(name...);
    if (!made) return failure(made.error());
    using layer_type = std::remove_cvref_t<decltype(*made)>;
    using expecting = protocol::expecting_layer<layer_type, protocol::wire_look::tls>;
    return any_layer::of(expecting(std::move(*made)));
  };
}

}  // namespace detail

/// What makes the layers of a client's `[client.transport.tls]`, or in words why it cannot. `host`
/// is the name or IP literal that the server's certificate is to be for.
/// `complain` is told what is wrong with files that have changed, by any thread.
inline std::expected<layer_maker, std::string> tls_client_layers(const config::tls_options& options,
                                                                 const std::string& host,
                                                                 tls::complaint complain) {
  tls::client_settings settings;
  settings.trusted_root = options.trusted_root;
  settings.trusted_root_only = options.trusted_root_only;
  settings.half_close_timeout =
      options.half_close_timeout.value_or(config::defaults::service_end_hold);
  settings.complain = std::move(complain);
#if RATHOLE_WITH_OPENSSL
  if (selected_engine(options) == config::tls_engine::openssl) {
    return detail::tls_layers(tls::client_context<tls::openssl_engine>::load(settings), host);
  }
#endif
  return detail::tls_layers(tls::client_context<tls::botan_engine>::load(settings), host);
}

/// As for a client: the layers of `[server.transport.tls]`.
inline std::expected<layer_maker, std::string> tls_server_layers(const config::tls_options& options,
                                                                 tls::complaint complain) {
  tls::server_settings settings;
  settings.pkcs12 = options.pkcs12;
  settings.pkcs12_password = options.pkcs12_password.value_or(secret());
  settings.cert = options.cert;
  settings.key = options.key;
  settings.half_close_timeout =
      options.half_close_timeout.value_or(config::defaults::visitor_end_hold);
  settings.complain = std::move(complain);
#if RATHOLE_WITH_OPENSSL
  if (selected_engine(options) == config::tls_engine::openssl) {
    return detail::tls_layers(tls::server_context<tls::openssl_engine>::load(settings));
  }
#endif
  return detail::tls_layers(tls::server_context<tls::botan_engine>::load(settings));
}

}  // namespace rathole::transport
