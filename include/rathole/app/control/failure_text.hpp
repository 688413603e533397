#pragma once

#include <rathole/app/control/endpoint.hpp>
#include <rathole/core/error.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

namespace detail {

/// Returns whether `why` says that the server's certificate does not lead to a trusted one.
inline bool is_untrusted(std::error_code why) {
  return why == errc::certificate_self_signed || why == errc::certificate_untrusted;
}

/// Returns whether `why` says that the peer does not speak HTTP, or does not speak it here.
inline bool is_other_protocol(std::error_code why) {
  return why == errc::malformed_http || why == errc::message_too_long ||
         why == errc::end_of_stream || why == errc::truncated || why == errc::closed_in_handshake ||
         why == errc::tls_handshake_failed || why == std::errc::connection_reset;
}

/// Returns what to do if the API at `to` cannot be asked because of `why`.
inline std::string remedy_of(const admin_endpoint& to, std::error_code why) {
  if (why == std::errc::connection_refused || why == std::errc::no_such_file_or_directory) {
    if (!to.config.empty()) return "is the program running with " + to.config + '?';
    return "is the program running, and is this the `bind_addr` of its table `admin`?";
  }
  if (why == std::errc::permission_denied) {
    return "run this as the user of the program, or change `mode` in its table `admin`";
  }
  if (is_untrusted(why)) {
    return "name the certificate, or that of its issuer, with `--ca-file FILE`";
  }
  if (why == errc::certificate_wrong_name) {
    return to.config.empty()
               ? "ask by a name that the certificate has: `--admin https://NAME:PORT`; the API "
                 "answers to those in `hosts` of its table `admin`"
               : "name what is in the certificate in `hosts` of the table `admin` of " + to.config;
  }
  if (why == errc::not_tls) {
    return to.config.empty()
               ? "something else answers there, or the API without TLS: `--admin http://HOST:PORT`"
               : "something else answers there";
  }
  if (is_other_protocol(why)) {
    return to.config.empty() && !to.tls && to.socket.empty()
               ? "something else answers there, or the API by TLS: `--admin https://HOST:PORT`"
               : "something else answers there";
  }
  return "is the address right, and can it be reached from here?";
}

}  // namespace detail

/// Returns why the API at `to` cannot be asked, and what to do about it.
inline std::string unreachable_text(const admin_endpoint& to, std::error_code why) {
  return "Cannot ask the admin API at " + to_string(to) + ": " + why.message() + "; " +
         detail::remedy_of(to, why);
}

/// Returns the error for an answer with the status `status` that no admin API of this program gives.
inline std::string not_our_api_text(const admin_endpoint& to, int status) {
  return "Something else answers at " + to_string(to) + " (status " + std::to_string(status) +
         "), not the admin API of rathole; " +
         (to.config.empty() ? "correct the address after `--admin`"
                            : "is the program running with " + to.config + '?');
}

/// Returns the error for the status 401.
inline std::string token_text(const admin_endpoint& to) {
  const std::string where = "The admin API at " + to_string(to);
  const std::string what = to.token.empty()
                               ? where + " needs a token; give it"
                               : where + " does not accept the token of " + to.token_origin +
                                     "; give that of the running program";
  return what + " with `--token-file FILE`, " +
         (to.config.empty()
              ? "or in the variable RATHOLE_ADMIN_TOKEN, or name the configuration file instead of "
                "`--admin`, whose table `admin` has the keys `token` and `token_file`"
              : "or correct `token` or `token_file` in the table `admin` of " + to.config +
                    ", or use `--admin URL` and the variable RATHOLE_ADMIN_TOKEN");
}

}  // namespace rathole::app
