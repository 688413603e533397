#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <expected>
#include <optional>
#include <string>
#include <system_error>

namespace rathole::app::inline RATHOLE_ABI {

#if RATHOLE_WITH_ADMIN
/// Whether the admin API is built in.
inline constexpr bool has_admin = true;
#else
/// Whether the admin API is built in.
inline constexpr bool has_admin = false;
#endif

/// Returns what `options` asks for and this program does not contain, as a problem of the table `admin`
/// of `where`; nothing if everything is there.
inline std::optional<config::problem> missing_admin(
    const std::optional<config::admin_options>& options, config::side where) {
  if (!options) return std::nullopt;
  const std::string table = std::string(config::name_of(where)) + ".admin";
  if (!has_admin) {
    return config::problem{.key = table,
                           .what = "the admin API is not built into this program",
                           .remedy = "remove the table, or build it with `RATHOLE_WITH_ADMIN`"};
  }
  if (options->cert && !transport::built_in::tls) {
    return config::problem{
        .key = table + ".tls",
        .what = "tls is not built into this program",
        .remedy =
            "listen at 127.0.0.1 or at a Unix-domain socket without TLS, or build "
            "it with `RATHOLE_WITH_TLS`"};
  }
  return std::nullopt;
}

/// Returns advice for an admin API of `options` that cannot listen because of `why`; see `text::listen_advice`.
inline std::string admin_listen_advice(const config::admin_options& options, std::error_code why) {
  return text::listen_advice(why, parse_address(options.bind_addr).value_or(address()));
}

/// Returns what makes the TLS layers of the admin API, an empty function if it is served without TLS, or
/// why its keys cannot be used. `report_problem` receives the problems of files that change later.
inline std::expected<transport::layer_maker, std::string> admin_layers(
    [[maybe_unused]] const config::admin_options& options,
    [[maybe_unused]] const transport::problem_handler& report_problem = {}) {
#if RATHOLE_WITH_TLS
  if (options.cert) {
    const config::tls_options keys{.cert = options.cert, .key = options.key};
    return transport::tls_server_layers(keys, report_problem);
  }
#endif
  return transport::layer_maker();
}

}  // namespace rathole::app::inline RATHOLE_ABI
