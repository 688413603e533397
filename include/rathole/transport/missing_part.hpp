#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/version.hpp>

#include <optional>
#include <string>

/// The parts that this build contains, according to the macros `RATHOLE_WITH_...`.
namespace rathole::transport::built_in::inline RATHOLE_ABI {

#if RATHOLE_WITH_NOISE
/// Whether the transport noise is built in.
inline constexpr bool noise = true;
#else
/// Whether the transport noise is built in.
inline constexpr bool noise = false;
#endif
#if RATHOLE_WITH_TLS
/// Whether TLS is built in.
inline constexpr bool tls = true;
#else
/// Whether TLS is built in.
inline constexpr bool tls = false;
#endif
#if RATHOLE_WITH_OPENSSL
/// Whether the engine OpenSSL of TLS and Noise is built in.
inline constexpr bool openssl = true;
#else
/// Whether the engine OpenSSL of TLS and Noise is built in.
inline constexpr bool openssl = false;
#endif
#if RATHOLE_WITH_WEBSOCKET
/// Whether WebSocket is built in.
inline constexpr bool websocket = true;
#else
/// Whether WebSocket is built in.
inline constexpr bool websocket = false;
#endif

}  // namespace rathole::transport::built_in::inline RATHOLE_ABI

namespace rathole::transport::inline RATHOLE_ABI {

/// Returns the TLS engine for `options` in this build: the one that is named, or for `auto` OpenSSL
/// if it is built in and otherwise Botan.
inline config::tls_engine selected_engine(const config::tls_options& options) {
  using config::tls_engine;
  if (options.engine != tls_engine::automatic) return options.engine;
  return built_in::openssl ? tls_engine::openssl : tls_engine::botan;
}

/// Returns whether the transport of `settings` is TLS or runs over TLS.
inline bool runs_over_tls(const config::transport& settings) {
  if (settings.kind == config::transport_kind::tls) return true;
  return settings.kind == config::transport_kind::websocket && settings.websocket &&
         settings.websocket->tls;
}

/// Returns what `settings` asks for and this build does not contain, as a problem with its key;
/// nothing if everything is there.
inline std::optional<config::problem> missing_part(const config::transport& settings,
                                                   config::side where) {
  using config::transport_kind;
  const std::string path = where == config::side::server ? "server.transport" : "client.transport";
  const auto lacking = [&path](const char* key, const std::string& what, const std::string& remedy,
                               const char* macro) {
    return config::problem{.key = path + key,
                           .what = what + " is not built into this program",
                           .remedy = remedy + ", or build it with `" + macro + '`'};
  };
  const char* const other = "choose another `type` at both ends";
  const bool over_websocket = settings.kind == transport_kind::websocket;
  if (settings.kind == transport_kind::noise && !built_in::noise) {
    return lacking(".type", "noise", other, "RATHOLE_WITH_NOISE");
  }
  if (settings.kind == transport_kind::noise && settings.noise &&
      settings.noise->engine == config::noise_engine::openssl && !built_in::openssl) {
    return lacking(".noise.engine", "openssl", "choose `botan`", "RATHOLE_WITH_OPENSSL");
  }
  if (over_websocket && !built_in::websocket)
    return lacking(".type", "websocket", other, "RATHOLE_WITH_WEBSOCKET");
  if (!runs_over_tls(settings)) return std::nullopt;
  if (!built_in::tls) {
    return over_websocket
               ? lacking(".websocket.tls", "tls", "choose `false` at both ends", "RATHOLE_WITH_TLS")
               : lacking(".type", "tls", other, "RATHOLE_WITH_TLS");
  }
  if (settings.tls && settings.tls->engine == config::tls_engine::openssl && !built_in::openssl) {
    return lacking(".tls.engine", "openssl", "choose `auto` or `botan`", "RATHOLE_WITH_OPENSSL");
  }
  return std::nullopt;
}

}  // namespace rathole::transport::inline RATHOLE_ABI
