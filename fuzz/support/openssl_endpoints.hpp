#pragma once

#include "tls_endpoints.hpp"

#include <rathole/tls/layer.hpp>
#include <rathole/tls/openssl/engine.hpp>

#include <openssl/rand.h>

#include <chrono>
#include <cstdint>

/// The two ends of TLS by OpenSSL, deterministic. OPENSSL_API_COMPAT must be 1.1.0, because the
/// random generator of a process is set by a deprecated function.
namespace rathole::fuzz {

using openssl_layer = tls::layer<tls::openssl_engine>;

namespace detail {

inline sim::seeded_rng& openssl_script() {
  static sim::seeded_rng rng(0);
  return rng;
}

inline int openssl_bytes(unsigned char* out, int size) {
  openssl_script().fill({out, static_cast<std::size_t>(size)});
  return 1;
}

inline int always_seeded() { return 1; }

/// Restarts the random bytes of this process.
inline void begin_openssl_script(std::uint64_t seed) {
  static constexpr RAND_METHOD method{nullptr, openssl_bytes, nullptr,
                                      nullptr, openssl_bytes, always_seeded};
  RAND_set_rand_method(&method);
  openssl_script() = sim::seeded_rng(seed);
}

}  // namespace detail

inline openssl_layer make_openssl_client() {
  detail::begin_openssl_script(1);
  const auto setup = *tls::openssl_engine::client_setup::make(
      {.roots = fuzz_identity().certificates, .system_roots = false});
  return {*tls::openssl_engine::client(setup, "server.test"), std::chrono::seconds(10)};
}

inline openssl_layer make_openssl_server() {
  detail::begin_openssl_script(2);
  const auto setup = *tls::openssl_engine::server_setup::make(fuzz_identity());
  return {*tls::openssl_engine::server(setup), std::chrono::seconds(10)};
}

}  // namespace rathole::fuzz
