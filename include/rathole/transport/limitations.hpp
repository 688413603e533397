#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_TLS
#include <rathole/tls/botan/version.hpp>
#include <rathole/tls/environment_roots.hpp>
#endif

#include <string>
#include <utility>
#include <vector>

namespace rathole::transport::detail::inline RATHOLE_ABI {

#if RATHOLE_WITH_TLS
/// Returns what TLS by the Botan of this build cannot do; empty if it can do everything.
inline std::string botan_limitation(const config::tls_options& options, config::side where) {
  if (tls::botan_half_closes) return {};
  const bool is_server = where == config::side::server;
  const auto hold = options.half_close_timeout.value_or(
      is_server ? config::defaults::visitor_end_hold : config::defaults::service_end_hold);
  const std::string ended = is_server ? "visitor" : "service";
  const std::string silent = is_server ? "service" : "visitor";
  return "TLS is spoken by Botan 2, which cannot end one direction of a connection alone: when a " +
         ended + " has ended its sending, the " + silent + " learns of it only after it has sent " +
         "nothing for " + std::to_string(hold.count()) +
         " ms (`half_close_timeout`), and what it " + "sends later is lost; use `engine = \"" +
         (built_in::openssl ? "auto\"`" : "auto\"` in a program that is built with libssl-dev");
}
#endif

}  // namespace rathole::transport::detail::inline RATHOLE_ABI

namespace rathole::transport::inline RATHOLE_ABI {

/// Returns what this build or the environment does not provide to the transport of `settings`,
/// although the transport works: one sentence each, for the log at the start.
inline std::vector<std::string> limitations_of([[maybe_unused]] const config::transport& settings,
                                               [[maybe_unused]] config::side where) {
  std::vector<std::string> out;
#if RATHOLE_WITH_TLS
  if (!runs_over_tls(settings) || !settings.tls) return out;
  if (selected_engine(*settings.tls) == config::tls_engine::botan) {
    if (auto text = detail::botan_limitation(*settings.tls, where); !text.empty()) {
      out.push_back(std::move(text));
    }
  }
  if (where == config::side::client && !settings.tls->trusted_root_only) {
    for (auto& text : tls::problems_of(tls::read_environment_roots())) {
      out.push_back(std::move(text));
    }
  }
#endif
  return out;
}

}  // namespace rathole::transport::inline RATHOLE_ABI
