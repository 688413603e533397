#pragma once

#include <rathole/app/log/text.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/refusals.hpp>
#include <rathole/tls/alert.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// Returns whether a failed handshake indicates a wrong configuration, and not just a connection
/// that anybody opened and left.
inline bool is_misconfiguration(const std::error_code& error) {
  switch (server_side::refusal_of(error)) {
    case server_side::refusal::other_transport:
    case server_side::refusal::wrong_noise_key:
    case server_side::refusal::tls_failed:
    case server_side::refusal::upgrade_refused: return true;
    default:
      return error == errc::protocol_version_mismatch || error == errc::malformed_proxy_header;
  }
}

/// Returns why a client's connection failed before it became a control or data channel, with
/// advice. The same cause always gives the same text.
inline std::string failure_text(const server_side::handshake_failed& e) {
  const config::transport& with = e.settings.transport;
  const std::error_code& error = e.error;
  if (error.category() == protocol::wire_protocol_category()) {
    return to_string(text::explain_wire_protocol(error, with.kind, config::side::server));
  }
  const std::string text = error.message();
  if (error == errc::malformed_proxy_header) {
    return text + "; the proxies in `server.trusted_proxies` must send one";
  }
  if (error.category() == websocket::refusal_category()) {
    return text +
           (error.value() == 404
                ? "; `websocket.path` of the client must be `server.transport.websocket.path`"
                : "; the request was not one of a rathole client");
  }
  if (error.category() == tls::alert_category()) {
    const auto said = static_cast<tls::alert>(error.value());
    const bool is_certificate = said >= tls::alert::bad_certificate &&
                                said <= tls::alert::unknown_ca &&
                                said != tls::alert::illegal_parameter;
    if (!is_certificate) return text;
    if (said == tls::alert::certificate_expired) {
      return text +
             "; renew the certificate of `server.transport.tls`, or set the clock of the client";
    }
    return text +
           "; the client does not accept the certificate of `server.transport.tls`: see its "
           "`trusted_root` and `hostname`";
  }
  const bool is_noise = with.kind == config::transport_kind::noise;
  if (is_noise && error != errc::timed_out && error != errc::closed_in_handshake) {
    return text + noise_advice(config::side::server);
  }
  if (error == errc::protocol_version_mismatch)
    return text + "; compare the versions of both sides";
  return text;
}

/// Says why a connection of a trusted proxy to the service, whose table is `service`, was refused.
inline std::string header_refusal_text(const std::error_code& error, const std::string& service) {
  if (error == errc::limit_reached) {
    return error.message() +
           "; as many connections of `trusted_proxies` as `server.max_handshakes` wait for their "
           "header of the PROXY protocol";
  }
  const std::string why =
      error == errc::timed_out ? "no header of the PROXY protocol came in time" : error.message();
  return why + "; the proxies in `trusted_proxies` of " + service +
         " must send one, as HAProxy does with `send-proxy-v2`";
}

/// Returns the keys of the service that refuse visitors with `error` by themselves; empty if none does.
inline std::string_view refusing_keys(const std::error_code& error) {
  if (error == errc::address_denied) return "`allow` or `deny`";
  if (error == errc::too_many_connections) return "`max_connections`";
  if (error == errc::too_many_of_address) return "`max_connections_per_address`";
  if (error == errc::too_many_new_connections) return "`new_connections_per_second`";
  return {};
}

/// Says why a visitor was refused, and which key allows more.
inline std::string refusal_text(const server_side::visitor_refused& e) {
  const std::string why = e.error.message();
  const std::string service = '`' + service_key("server", e.service) + '`';
  if (e.has_no_header) return header_refusal_text(e.error, service);
  if (const auto keys = refusing_keys(e.error); !keys.empty()) {
    return why + "; see " + std::string(keys) + " of " + service;
  }
  if (e.may_loop) {
    return why +
           "; connections from the client's own address get no answer: the service may lead back "
           "to itself";
  }
  if (e.error == errc::limit_reached) {
    return why + "; as many as `max_waiting_visitors` of " + service + " wait for the client";
  }
  if (e.error == errc::timed_out) {
    return why + "; the client made no data channel within `visitor_timeout` of " + service +
           ": see the client's log";
  }
  if (e.error == errc::draining) return why + "; `rathole undrain` takes it back";
  if (e.error == errc::stopped) return why + "; the server or the service ends";
  if (e.error == std::errc::too_many_files_open) {
    return why + "; raise the limit of open files (`ulimit -n`, LimitNOFILE= of systemd)";
  }
  return end_text(e.error, "the client");
}

/// Returns a number with its noun, in the plural unless it is 1.
inline std::string count_text(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

/// Returns a line that sums up refused connections.
inline std::string refusals_text(const server_side::refusal_summary& what) {
  static constexpr std::array<std::string_view, server_side::refusal_kinds> names = {
      "dropped because too many",
      "timed out",
      "closed early",
      "not the protocol",
      "of another transport",
      "with a wrong Noise key or pattern",
      "failed in TLS",
      "not the WebSocket that is served",
      "unknown service",
      "wrong token",
      "unknown session",
      "from addresses that `server.allow` or `server.deny` refuses"};
  const bool is_full = what.sources >= server_side::max_refused_sources;
  std::string text = "Refused " + count_text(what.total(), "connection") + " from " +
                     (is_full ? "at least " : "") + count_text(what.sources, "source") + " in " +
                     to_text(what.lasted) + ':';
  const char* separator = " ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (what.counts[i] == 0) continue;
    text.append(separator).append(std::to_string(what.counts[i])).append(" ").append(names[i]);
    separator = ", ";
  }
  return text + "; most from " + escape(what.most_active) + " (" +
         std::to_string(what.by_most_active) + ')';
}

}  // namespace rathole::app
