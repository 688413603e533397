#pragma once

#include <rathole/app/admin_part.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_ADMIN
#include <rathole/admin/listen.hpp>

#include <asio/io_context.hpp>
#endif

#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::app::inline RATHOLE_ABI {

/// Returns why the admin API of `options` cannot listen; no error if its address is free. A Unix-domain socket
/// that a process has left behind is removed, as at the start.
inline std::error_code try_admin_address([[maybe_unused]] const config::admin_options& options) {
#if RATHOLE_WITH_ADMIN
  asio::io_context context(1);
  const auto opened = admin::listen(context.get_executor(), options);
  if (!opened) return opened.error();
#endif
  return {};
}

/// Performs the step of a diagnosis that tries the admin API of `options`, of the side `of`.
inline diagnosis_step diagnose_admin(const config::admin_options& options, config::side of) {
  const time_point began = clock::now();
  diagnosis_step out{.name = "listen",
                     .subject = "admin API " + text::printable(options.bind_addr),
                     .result = step_result::failed};
  if (const auto missing = missing_admin(options, of)) {
    out.text = missing->what;
    out.remedy = missing->remedy;
    out.error = errc::not_built_in;
  } else if (const auto layers = admin_layers(options); !layers) {
    out.text = text::printable(layers.error());
    out.error = errc::invalid_key_material;
  } else if (const std::error_code why = try_admin_address(options);
             of == config::side::client && why == std::errc::address_in_use) {
    // A client is usually diagnosed while it runs, and then this is its own address.
    out.result = step_result::ok;
    out.text = "in use, by this client if it runs; otherwise it cannot start";
  } else if (why) {
    out.error = why;
    out.text = why.message();
    const std::string advice = admin_listen_advice(options, why);
    if (!advice.empty()) out.remedy = advice.substr(2);
  } else {
    out.result = step_result::ok;
    out.text = "the address is free";
  }
  out.took = clock::now() - began;
  return out;
}

}  // namespace rathole::app::inline RATHOLE_ABI
