#pragma once

#include <rathole/client/displacement_detector.hpp>
#include <rathole/client/events.hpp>
#include <rathole/io/resolve/host_lookup.hpp>
#include <rathole/proxy/error.hpp>
#include <rathole/proxy/unreachable.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/text/format.hpp>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::text {

namespace detail {

/// Returns whether the connection was established before it failed.
inline bool is_handshake_error(const std::error_code& error) {
  if (error == errc::host_not_found || error == errc::invalid_address) return false;
  if (client_side::is_closed_by_peer(error)) return true;
  const auto& from = error.category();
  const bool is_network = from == std::system_category() || from == std::generic_category() ||
                          from == io::lookup_category() ||
                          std::string_view(from.name()).starts_with("asio.");
  return !is_network;
}

/// Returns whether a proxy caused the error.
inline bool is_proxy_error(const std::error_code& error) {
  return error.category() == proxy::socks5_category() ||
         error.category() == proxy::http_category() || error == errc::malformed_proxy_answer ||
         error == errc::proxy_authentication_failed;
}

/// Returns whether the proxy was reached, or may have been, and gave no answer.
inline bool is_unanswered(const std::error_code& error) {
  return error == proxy::unreachable(errc::timed_out) ||
         error == proxy::unreachable(errc::end_of_stream);
}

/// Returns the protocol that the client speaks to its proxy, as its URL names it.
inline std::string scheme_text(const config::proxy_url& through) {
  return through.scheme == config::proxy_scheme::http ? "`http`" : "`socks5`";
}

/// Returns what to look at if the server answered the upgrade to WebSocket with another status than
/// 101.
inline std::string upgrade_advice(int status) {
  if (status == 404) return "; `client.transport.websocket.path` must be that of the server";
  if (status == 400) {
    return "; what answers at `client.remote_addr` expects TLS, or takes no WebSocket at "
           "`client.transport.websocket.path`: see `client.transport.websocket.tls` and `path`";
  }
  if (status == 502 || status == 503 || status == 504) {
    return "; a web server answers at `client.remote_addr` and does not reach the rathole server "
           "behind it: see whether that runs, and the web server's log";
  }
  return "; whatever answers at `client.remote_addr` does not take WebSocket at "
         "`client.transport.websocket.path`";
}

/// Says why a handshake with the server failed.
inline explanation explain_handshake(const std::error_code& error, const config::transport& with) {
  if (error.category() == protocol::wire_protocol_category()) {
    return explain_wire_protocol(error, with.kind, config::side::client);
  }
  if (error == errc::closed_in_handshake || client_side::is_closed_by_peer(error)) {
    return {make_error_code(errc::end_of_stream).message(), mismatch_advice(with)};
  }
  std::string what = error.message();
  if (error.category() == websocket::answer_category()) {
    return {std::move(what), upgrade_advice(error.value())};
  }
  if (with.kind == config::transport_kind::noise) {
    return {std::move(what), noise_advice(config::side::client)};
  }
  if (error == errc::malformed_message || error == errc::unexpected_hello) {
    return {std::move(what),
            "; what answers at `client.remote_addr` seems to be no rathole server"};
  }
  if (error == errc::protocol_version_mismatch) {
    return {std::move(what), "; compare the versions of both sides"};
  }
  return {std::move(what), certificate_advice(error)};
}

/// Says why the proxy was not reached, or did not connect the client to `remote`.
inline explanation explain_proxy(const std::error_code& error, const config::proxy_url& through,
                                 const std::string& remote) {
  const std::string proxy = escaped(config::proxy_address(through));
  const std::string reason = error.message();
  if (is_unanswered(error)) {
    return {"No answer from the proxy " + proxy + ": " + reason,
            "; it does not speak " + scheme_text(through) + ", or does not reach " + remote +
                ": see `client.transport.tcp.proxy` and `client.remote_addr`"};
  }
  if (error.category() == proxy::unreachable_category()) {
    return {"Failed to connect to the proxy " + proxy + ": " + reason,
            "; see `client.transport.tcp.proxy`"};
  }
  if (error == errc::malformed_proxy_answer) {
    return {"Failed to connect to the proxy " + proxy + ": " + reason,
            "; it does not speak " + scheme_text(through) + ": see `client.transport.tcp.proxy`"};
  }
  return {"Failed to connect to " + remote + " through the proxy " + proxy + ": " + reason,
          "; see `client.remote_addr` and `client.transport.tcp.proxy`"};
}

}  // namespace detail

/// Says why a control channel failed: the chain of causes, in upstream's words if scripts may look
/// for them. The same cause always gives the same text.
inline explanation explain(const client_side::control_channel_failed& e) {
  const std::string reason = e.error.message();
  const std::string service = escape(e.service);
  const std::string key = service_key("client", e.service);
  const std::string remote = escaped(e.remote);
  if (e.is_displaced) {
    return {"the server closes the connection soon after it accepted the client, again and again",
            "; another client seems to serve " + service +
                " too: end one of them, or set `on_conflict = \"balance\"` in `" +
                service_key("server", e.service) + "`, so that both serve"};
  }
  if (e.established && e.error == errc::heartbeat_timed_out) {
    return {
        reason + ": nothing came from " + remote + " for " + to_text(e.settings.heartbeat_timeout),
        "; `client.heartbeat_timeout` must be above `server.heartbeat_interval`"};
  }
  if (e.established) return {end_text(e.error, "the server")};
  if (e.error == errc::service_not_exist) {
    return {"Authentication failed: " + service + ": " + reason,
            "; the server has no " + server_table(e.service)};
  }
  if (e.error == errc::authentication_failed) {
    return {"Authentication failed: " + service + ": " + reason,
            "; `token` of `" + key + "`, or `client.default_token`, must be that of the server"};
  }
  if (e.error == errc::service_in_use) {
    return {"Refused: " + service + ": " + reason,
            "; other clients serve it, and `on_conflict` or `max_clients` of `" +
                service_key("server", e.service) +
                "` allows no more, or the server has no descriptors for it, as its log then "
                "says; it is tried again"};
  }
  if (auto advice = descriptor_advice(e.error); !advice.empty() && !e.established) {
    return {reason, std::move(advice)};
  }
  const auto& through = e.settings.transport.tcp.proxy;
  const bool is_unreachable = e.error.category() == proxy::unreachable_category();
  if (through && (is_unreachable || detail::is_proxy_error(e.error))) {
    return detail::explain_proxy(e.error, *through, remote);
  }
  if (e.error == errc::timed_out) {
    return {"No answer from " + remote + ": " + reason,
            "; see `client.remote_addr`, and compare `transport.type` of both sides"};
  }
  if (detail::is_handshake_error(e.error)) {
    explanation why = detail::explain_handshake(e.error, e.settings.transport);
    return {"Failed to handshake with " + remote + ": " + why.what, std::move(why.advice)};
  }
  return {"Failed to connect to " + remote + ": " + reason,
          dial_advice(e.error, "client.remote_addr")};
}

/// Returns why a control channel failed, with advice; see `explain`.
inline std::string failure_text(const client_side::control_channel_failed& e) {
  return to_string(explain(e));
}

}  // namespace rathole::text
