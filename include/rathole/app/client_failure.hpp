#pragma once

#include <rathole/app/advice.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/client/displacement.hpp>
#include <rathole/client/events.hpp>
#include <rathole/io/host_lookup.hpp>
#include <rathole/proxy/error.hpp>
#include <rathole/proxy/reach.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

namespace detail {

/// Returns whether the connection was established before it failed.
inline bool is_of_handshake(const std::error_code& error) {
  if (error == errc::host_not_found || error == errc::invalid_address) return false;
  if (client::is_closed_by_peer(error)) return true;
  const auto& from = error.category();
  const bool is_network = from == std::system_category() || from == std::generic_category() ||
                          from == io::lookup_category() ||
                          std::string_view(from.name()).starts_with("asio.");
  return !is_network;
}

/// Returns whether a proxy caused the error.
inline bool is_of_proxy(const std::error_code& error) {
  return error.category() == proxy::socks5_category() ||
         error.category() == proxy::http_category() || error == errc::malformed_proxy_answer ||
         error == errc::proxy_authentication_failed;
}

/// Returns why a handshake with the server failed, with advice.
inline std::string handshake_failure_text(const client::control_channel_failed& e) {
  const config::transport& with = e.settings.transport;
  const std::error_code& error = e.error;
  if (error.category() == protocol::look_category()) {
    return look_text(error, with.kind, config::side::client);
  }
  if (error == errc::closed_in_handshake || client::is_closed_by_peer(error)) {
    return make_error_code(errc::end_of_stream).message() + agreement_advice(with);
  }
  std::string text = error.message();
  if (error.category() == websocket::answer_category()) {
    return text + (error.value() == 404
                       ? "; `client.transport.websocket.path` must be that of the server"
                       : "; whatever answers at `client.remote_addr` does not take WebSocket at "
                         "`client.transport.websocket.path`");
  }
  if (with.kind == config::transport_kind::noise) return text + noise_advice(config::side::client);
  if (error == errc::malformed_message || error == errc::unexpected_hello) {
    return text + "; what answers at `client.remote_addr` seems to be no rathole server";
  }
  if (error == errc::protocol_version_mismatch)
    return text + "; compare the versions of both sides";
  return text + certificate_advice(error);
}

}  // namespace detail

/// Returns why a control channel failed: the chain of causes, in upstream's words if scripts may
/// look for them, with advice. The same cause always gives the same text.
inline std::string failure_text(const client::control_channel_failed& e) {
  const std::string reason = e.error.message();
  const std::string service = escape(e.service);
  const std::string key = "client.services." + shown_key(e.service);
  const std::string remote = shown(e.remote);
  if (e.is_displaced) {
    return "the server closes the connection soon after it accepted the client, again and again; "
           "another client seems to serve " +
           service + " too: each service can have one client at a time";
  }
  if (e.established && e.error == errc::heartbeat_timed_out) {
    return reason + ": nothing came from " + remote + " for " +
           to_text(e.settings.heartbeat_timeout) +
           "; `client.heartbeat_timeout` must be above `server.heartbeat_interval`";
  }
  if (e.established) return reason;
  if (e.error == errc::service_not_exist) {
    return "Authentication failed: " + service + ": " + reason +
           "; the server has no `[server.services." + shown_key(e.service) + "]`";
  }
  if (e.error == errc::authentication_failed) {
    return "Authentication failed: " + service + ": " + reason + "; `token` of `" + key +
           "`, or `client.default_token`, must be that of the server";
  }
  const auto& through = e.settings.transport.tcp.proxy;
  const std::string proxy = through ? shown(config::proxy_address(*through)) : std::string();
  if (e.error.category() == proxy::reach_category()) {
    return "Failed to connect to the proxy " + proxy + ": " + reason +
           "; see `client.transport.tcp.proxy`";
  }
  if (through && detail::is_of_proxy(e.error)) {
    return "Failed to connect to " + remote + " through the proxy " + proxy + ": " + reason +
           "; see `client.remote_addr` and `client.transport.tcp.proxy`";
  }
  if (e.error == errc::timed_out) {
    return "No answer from " + remote + ": " + reason +
           "; see `client.remote_addr`, and compare `transport.type` of both sides";
  }
  if (detail::is_of_handshake(e.error)) {
    return "Failed to handshake with " + remote + ": " + detail::handshake_failure_text(e);
  }
  return "Failed to connect to " + remote + ": " + reason +
         dial_advice(e.error, "client.remote_addr");
}

}  // namespace rathole::app
