#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/diagnose/client_plan.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/server_link.hpp>
#include <rathole/embed/diagnose/settings_step.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/text/format.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Performs the steps of a client's diagnosis in the runtime `R`, which must also have the function
/// `resolve` of `io::asio_runtime`; see `run_steps`.
template <io::Runtime R>
class client_check {
 public:
  /// Prepares the diagnosis of a client with `settings`.
  client_check(R runtime, config::client settings, diagnose_options options, std::stop_token stop)
      : runtime_(std::move(runtime)),
        settings_(config::bounded(std::move(settings))),
        options_(std::move(options)),
        stop_(std::move(stop)),
        steps_(plan_steps(settings_, options_.authenticate)),
        link_(runtime_, settings_, stop_) {}
  client_check(const client_check&) = delete;
  client_check& operator=(const client_check&) = delete;

  /// Returns the steps.
  client_steps& steps() { return steps_; }
  /// Returns the current time of the runtime.
  time_point now() { return runtime_.now(); }
  /// Returns whether the diagnosis must end.
  [[nodiscard]] bool stop_requested() const { return stop_.stop_requested(); }
  /// Reports a step that has ended.
  void report(const diagnosis_step& step) const {
    if (options_.on_step) options_.on_step(step);
  }

  /// Performs the step `what`; returns what was found.
  io::task<std::string> perform(client_action what) {
    using enum client_step;
    if (what.server < settings_.remote_addr.size()) link_.use(settings_.remote_addr[what.server]);
    switch (what.kind) {
      case settings: return judge();
      case resolve: return look_up();
      case connect: return dial();
      case proxy: return pass_proxy();
      case handshake: return perform_handshake();
      case hello: return exchange_hellos();
      case service: return ask_for(settings_.services[what.service]);
      case authenticate: return try_token(settings_.services[what.service]);
      case multiplexing: return ask_for_multiplexing();
      case local: break;
    }
    return reach(settings_.services[what.service], what.local);
  }

  /// Says why the step `what` failed.
  [[nodiscard]] text::explanation explain(const client_action& what,
                                          const std::error_code& error) const {
    if (what.kind == client_step::settings) return judgement_.why();
    return embed::explain(settings_, what, error);
  }

 private:
  io::task<std::string> judge() { co_return judgement_.perform(settings_, config::side::client); }

  io::task<std::string> look_up() {
    const address name = dialled_address(settings_, link_.server());
    const time_point deadline = runtime_.now() + settings_.connect_timeout;
    const auto found = co_await runtime_.resolve(name, deadline, stop_);
    if (!found) co_return failure(found.error());
    std::string hosts;
    for (const address& each : *found) hosts += (hosts.empty() ? "" : ", ") + each.host;
    co_return std::move(hosts);
  }

  io::task<std::string> dial() {
    const auto peer = co_await link_.dial();
    if (!peer) co_return failure(peer.error());
    co_return "connected to " + to_string(*peer);
  }

  io::task<std::string> pass_proxy() {
    const auto passed = co_await link_.pass_proxy(*judgement_.prepared());
    if (!passed) co_return failure(passed.error());
    co_return "the proxy connected to it";
  }

  io::task<std::string> perform_handshake() {
    auto done = co_await link_.handshake(*judgement_.prepared());
    if (!done) co_return failure(done.error());
    const auto& with = settings_.transport;
    if (!done->empty()) co_return std::move(*done);
    if (with.kind == config::transport_kind::noise) co_return with.noise->pattern;
    co_return "without TLS";
  }

  io::task<std::string> exchange_hellos() {
    const std::string first = settings_.services.empty() ? "" : settings_.services.front().name;
    const auto done = co_await link_.exchange_hellos(first);
    if (!done) co_return failure(done.error());
    // What follows needs a connection of its own if it does not continue this one.
    const bool continues = !settings_.services.empty() && !options_.authenticate;
    if (!continues) link_.close();
    co_return "a rathole server answers";
  }

  io::task<std::string> ask_for(const config::client_service& service) {
    if (!link_.is_open()) {
      const auto opened = co_await link_.open(*judgement_.prepared());
      if (!opened) co_return failure(opened.error());
      const auto begun = co_await link_.exchange_hellos(service.name);
      if (!begun) co_return failure(begun.error());
    }
    const auto ended = co_await link_.end_unauthenticated();
    if (!ended) co_return failure(ended.error());
    co_return "the server has it; the token was not tried";
  }

  io::task<std::string> try_token(const config::client_service& service) {
    const auto opened = co_await link_.open(*judgement_.prepared());
    if (!opened) co_return failure(opened.error());
    const auto accepted = co_await link_.authenticate(service);
    // The server decides about the number of clients after it has checked the token.
    if (!accepted && accepted.error() == errc::service_in_use) {
      co_return "the server accepts the token; other clients serve it now, as many as `on_conflict` "
                "or `max_clients` of `" +
          text::service_key("server", service.name) + "` allows";
    }
    if (!accepted) co_return failure(accepted.error());
    co_return "the server accepts the token; a client that serves it has to connect again, unless "
              "`on_conflict` of `" +
        text::service_key("server", service.name) + "` is `balance`";
  }

  io::task<std::string> ask_for_multiplexing() {
    const auto opened = co_await link_.open(*judgement_.prepared());
    if (!opened) co_return failure(opened.error());
    const auto agreed = co_await link_.ask_for_multiplexing();
    if (!agreed) co_return failure(agreed.error());
    co_return "the server multiplexes, up to " + std::to_string(agreed->max_streams) + " streams";
  }

  io::task<std::string> reach(const config::client_service& service, std::size_t which) {
    const address& local = service.local_addr[which];
    const time_point deadline = runtime_.now() + service.connect_timeout;
    if (service.kind == config::service_kind::udp) {
      io::udp_connect_options options;
      options.prefer_ipv6 = service.prefer_ipv6;
      auto opened = co_await runtime_.connect_udp(local, options, deadline, stop_);
      if (!opened) co_return failure(opened.error());
      opened->close();
      co_return "UDP: there is a route; whether something listens cannot be seen";
    }
    io::socket_options options;
    options.prefer_ipv6 = service.prefer_ipv6;
    auto dialled = co_await runtime_.connect(local, options, deadline, stop_);
    if (!dialled) co_return failure(dialled.error());
    std::string peer = to_string(dialled->peer());
    dialled->close();
    co_return "connected to " + peer;
  }

  R runtime_;
  const config::client settings_;
  const diagnose_options options_;
  const std::stop_token stop_;
  client_steps steps_;
  settings_step<transport::prepared_client> judgement_;
  server_link<R> link_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
