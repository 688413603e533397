#pragma once

#include <rathole/config/validate.hpp>
#include <rathole/noise/context.hpp>
#include <rathole/protocol/protocol_check_layer.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/version.hpp>

#include <expected>
#include <string>
#include <utility>

namespace rathole::transport::inline RATHOLE_ABI {

/// Returns the layer maker of `[*.transport.noise]`, or a text that says why it cannot be made.
inline std::expected<layer_maker, std::string> noise_layers(const config::noise_options& options,
                                                            config::side where) {
  noise::settings settings;
  settings.name = options.pattern;
  settings.local_private_key = options.local_private_key;
  settings.remote_public_key = options.remote_public_key;
  settings.engine = options.engine == config::noise_engine::openssl ? noise::engine::openssl
                                                                    : noise::engine::botan;
  // Compat: the client is the initiator in every pattern.
  const auto role = where == config::side::client ? noise::role::initiator : noise::role::responder;
  auto made = noise::context::make(settings, role);
  if (!made) return std::unexpected(std::move(made.error()));
  return [context = std::move(*made)]() -> result<any_layer> {
    using checked_layer =
        protocol::protocol_check_layer<noise::layer, protocol::wire_protocol::noise>;
    return any_layer::of(checked_layer(context.make_layer()));
  };
}

}  // namespace rathole::transport::inline RATHOLE_ABI
