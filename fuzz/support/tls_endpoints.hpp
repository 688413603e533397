#pragma once

#include <rathole/core/hex.hpp>
#include <rathole/sim/seeded_rng.hpp>
#include <rathole/tls/botan/engine.hpp>
#include <rathole/tls/layer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

/// The two ends of TLS, deterministic.
namespace rathole::fuzz {

using botan_layer = tls::layer<tls::botan_engine>;

/// Returns a self-signed certificate for `server.test` on P-256 that is valid for a century.
inline const tls::identity& fuzz_identity() {
  static const tls::identity made = [] {
    const auto key = *from_hex(
        "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420804b033520d0e64e"
        "62adc136e5bc7290bf50f7837a11edb938f1fbc6a1da28a4a14403420004258c3b458cf791ee22a5a3d8c1ad"
        "1bda8125f694c72358b3ca640d13c48e70eaf715a50b021f7780bc2b70289789cb2d10de0fd7cd13f2e77260"
        "c380cf8e6498");
    const auto certificate = *from_hex(
        "308201a230820147a00302010202144f399fc44e3093fe2dd71903c8b29990479d5e97300a06082a8648ce3d"
        "04030230163114301206035504030c0b7365727665722e746573743020170d3236313132333032313033395a"
        "180f32313236313033303032313033395a30163114301206035504030c0b7365727665722e74657374305930"
        "1306072a8648ce3d020106082a8648ce3d03010703420004258c3b458cf791ee22a5a3d8c1ad1bda8125f694"
        "c72358b3ca640d13c48e70eaf715a50b021f7780bc2b70289789cb2d10de0fd7cd13f2e77260c380cf8e6498"
        "a371306f301d0603551d0e041604146f5980d02857860104aef551fc6f10e78ffa8f53301f0603551d230418"
        "301680146f5980d02857860104aef551fc6f10e78ffa8f53300f0603551d130101ff040530030101ff301c06"
        "03551d1104153013820b7365727665722e7465737487047f000001300a06082a8648ce3d0403020349003046"
        "022100e0f863a776ce24cc6f2e1568d6dcbf3ec9fc491ffd20016b67a355a16b104647022100f47ee2df8bfe"
        "c7637712a9f34275686005f7db60765c2d256a030ee1d42446ea");
    return tls::identity{.private_key = secret(std::string(key.begin(), key.end())),
                         .certificates = {certificate}};
  }();
  return made;
}

inline tls::shared_rng scripted_botan_rng(std::uint64_t seed) {
  return std::make_shared<tls::botan_rng<sim::seeded_rng>>(sim::seeded_rng(seed));
}

inline botan_layer make_tls_client() {
  const auto setup = *tls::botan_engine::client_setup::make(
      {.roots = fuzz_identity().certificates, .system_roots = false}, scripted_botan_rng(1));
  return {*tls::botan_engine::client(setup, "server.test"), std::chrono::seconds(10)};
}

inline botan_layer make_tls_server() {
  const auto setup = *tls::botan_engine::server_setup::make(fuzz_identity(), scripted_botan_rng(2));
  return {*tls::botan_engine::server(setup), std::chrono::seconds(10)};
}

}  // namespace rathole::fuzz
