#pragma once

#include <rathole/client/events.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/url.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/embed/diagnose/step_list.hpp>
#include <rathole/proxy/unreachable.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/text/client_failure.hpp>
#include <rathole/text/format.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// The kind of a step of a client's diagnosis.
enum class client_step {
  /// Judges the settings, and reads the files that they name.
  settings,
  /// Looks up the name of the server, or of the proxy that leads to it.
  resolve,
  /// Connects to the server or the proxy by TCP.
  connect,
  /// Asks the proxy for a connection to the server.
  proxy,
  /// Performs the handshake of TLS, Noise or WebSocket.
  handshake,
  /// Exchanges the Hellos of the tunnel's protocol.
  hello,
  /// Asks whether the server has a service, without its token.
  service,
  /// Authenticates the client for a service.
  authenticate,
  /// Connects to the local service.
  local,
  /// Asks the server for multiplexing, on a connection of its own.
  multiplexing
};

/// What a step of a client's diagnosis does.
struct client_action {
  /// The kind of the step.
  client_step kind;
  /// The index of the service in the settings, for the kinds that concern one; otherwise 0.
  std::size_t service = 0;
  /// The index of the server in the settings, for the kinds that concern one; otherwise 0.
  std::size_t server = 0;
  /// The index of the local address in that service, for `client_step::local`; otherwise 0.
  std::size_t local = 0;
};

/// The steps of a client's diagnosis.
using client_steps = step_list<client_action>;

/// Returns the address that a client with `settings` dials to reach `server`: that of the server or of
/// its proxy.
inline address dialled_address(const config::client& settings, const address& server) {
  const auto& through = settings.transport.tcp.proxy;
  return through ? config::proxy_address(*through) : server;
}

/// Adds the steps for the server with the index `server` of a client with the settings `of` to `out`, in
/// which `judged` is the step of the settings; see `plan_steps`.
inline void plan_server(client_steps& out, const config::client& of, std::size_t server,
                        std::size_t judged, bool tries_tokens) {
  using enum client_step;
  client_steps::indexes before;
  const auto follow = [&](std::string name, std::string subject, client_step kind) {
    before = {out.add(std::move(name), std::move(subject), {kind, 0, server}, before)};
  };
  const address dialled = dialled_address(of, of.remote_addr[server]);
  const bool is_literal =
      dialled.is_unix() || parse_ipv4(dialled.host) || dialled.host.contains(':');
  if (!is_literal) follow("resolve", dialled.host, resolve);
  follow("connect", to_string(dialled), connect);
  before.push_back(judged);
  const std::string remote = to_string(of.remote_addr[server]);
  if (of.transport.tcp.proxy) follow("proxy", remote, proxy);
  const config::transport_kind kind = of.transport.kind;
  if (kind != config::transport_kind::tcp) follow("handshake", config::name_of(kind), handshake);
  follow("hello", remote, hello);
  const bool is_first = server == 0;
  for (std::size_t i = 0; i < of.services.size(); ++i) {
    const config::client_service& each = of.services[i];
    const std::string where = of.remote_addr.size() > 1 ? " at " + remote : "";
    out.add(tries_tokens ? "authenticate" : "service", each.name + where,
            {tries_tokens ? authenticate : service, i, server}, before);
    if (!is_first) continue;
    for (std::size_t j = 0; j < each.local_addr.size(); ++j) {
      out.add("local", each.name + " at " + to_string(each.local_addr[j]), {local, i, 0, j});
    }
  }
  // The last step, because the tunnel also works without.
  if (of.transport.multiplex) out.add("multiplexing", remote, {multiplexing, 0, server}, before);
}

/// Returns the steps for a client with the settings `of`; `tries_tokens` is
/// `diagnose_options::authenticate`. Each of several servers has its own.
/// Settings that contradict themselves get no step but the first, which says so.
inline client_steps plan_steps(const config::client& of, bool tries_tokens) {
  client_steps out;
  const std::size_t judged = out.add("settings", "client", {client_step::settings});
  if (!config::settings_problems(of).empty()) return out;
  for (std::size_t i = 0; i < of.remote_addr.size(); ++i) {
    plan_server(out, of, i, judged, tries_tokens);
  }
  return out;
}

/// Says why the step `what` of a client with `settings` failed with `error`. It must not be the step
/// of the settings, which explains itself.
inline text::explanation explain(const config::client& settings, const client_action& what,
                                 const std::error_code& error) {
  const bool is_of_service = what.service < settings.services.size();
  const std::string service = is_of_service ? settings.services[what.service].name : std::string();
  if (what.kind == client_step::local) {
    return {error.message(),
            text::dial_advice(error, text::service_key("client", service, ".local_addr"))};
  }
  if (what.kind == client_step::resolve) {
    const bool is_proxy = settings.transport.tcp.proxy.has_value();
    return {error.message(), text::dial_advice(error, is_proxy ? "client.transport.tcp.proxy"
                                                               : "client.remote_addr")};
  }
  if (what.kind == client_step::multiplexing) return text::explain_multiplexing_refusal(error);
  const client_side::control_channel_failed failed{
      service, settings.remote_addr[what.server], error, duration::zero(), false, settings};
  text::explanation why = text::explain(failed);
  // The step names the server or the service already.
  const bool is_proxy = error.category() == proxy::unreachable_category();
  const bool is_refusal = error == errc::service_not_exist || error == errc::authentication_failed;
  if ((what.kind == client_step::connect && !is_proxy) || is_refusal) why.what = error.message();
  return why;
}

}  // namespace rathole::embed::inline RATHOLE_ABI
