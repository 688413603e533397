#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/settings_step.hpp>
#include <rathole/embed/diagnose/step_list.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What a step of a server's diagnosis does: it judges the settings, or listens on an address.
struct server_action {
  /// The address to listen on; nothing for the step of the settings.
  std::optional<address> where = {};
  /// The index of the service whose visitors are awaited there; nothing for the clients.
  std::optional<std::size_t> service = {};
};

/// The steps of a server's diagnosis.
using server_steps = step_list<server_action>;

/// Returns the steps for a server with the settings `of`. Addresses are bound in the order in which
/// a server binds them. Settings that contradict themselves get no step but the first, which says
/// so.
inline server_steps plan_steps(const config::server& of) {
  server_steps out;
  out.add("settings", "server", server_action());
  if (!config::settings_problems(of).empty()) return out;
  for (const address& each : in_bind_order(of.bind_addr)) {
    out.add("listen", "clients at " + to_string(each), {each, std::nullopt});
  }
  for (std::size_t i = 0; i < of.services.size(); ++i) {
    const config::server_service& service = of.services[i];
    const std::string who = "visitors of " + service.name + " at ";
    for (const address& each : in_bind_order(service.bind_addr)) {
      out.add("listen", who + to_string(each), {each, i});
    }
  }
  return out;
}

/// Performs the steps of a server's diagnosis in the runtime `R`; see `run_steps`. Everything that it
/// binds stays bound until the end, so that addresses that exclude each other are noticed; what
/// connects meanwhile is not served.
template <io::Runtime R>
class server_check {
 public:
  /// Prepares the diagnosis of a server with `settings`.
  server_check(R runtime, config::server settings, diagnose_options options, std::stop_token stop)
      : runtime_(std::move(runtime)),
        settings_(config::bounded(std::move(settings))),
        options_(std::move(options)),
        stop_(std::move(stop)),
        steps_(plan_steps(settings_)) {}
  server_check(const server_check&) = delete;
  server_check& operator=(const server_check&) = delete;

  /// Returns the steps.
  server_steps& steps() { return steps_; }
  /// Returns the current time of the runtime.
  time_point now() { return runtime_.now(); }
  /// Returns whether the diagnosis must end.
  [[nodiscard]] bool stop_requested() const { return stop_.stop_requested(); }
  /// Reports a step that has ended.
  void report(const diagnosis_step& step) const {
    if (options_.on_step) options_.on_step(step);
  }

  /// Performs the step `what`; returns what was found.
  io::task<std::string> perform(const server_action& what) {
    return what.where ? listen(what) : judge();
  }

  /// Says why the step `what` failed.
  [[nodiscard]] text::explanation explain(const server_action& what,
                                          const std::error_code& error) const {
    if (!what.where) return judgement_.why();
    return {error.message(), text::listen_advice(error, *what.where)};
  }

 private:
  io::task<std::string> judge() { co_return judgement_.perform(settings_, config::side::server); }

  io::task<std::string> listen(const server_action& what) {
    std::stop_source ending;
    const auto end = [&ending] { ending.request_stop(); };
    const io::stop_action on_stop(stop_, runtime_.get_executor(), end);
    // Only a lookup can take long.
    const io::alarm<R> on_timeout(runtime_, runtime_.now() + settings_.handshake_timeout, end);
    const address& where = *what.where;
    const config::server_service* const service =
        what.service ? &settings_.services[*what.service] : nullptr;
    std::error_code why;
    if (service && service->kind == config::service_kind::udp) {
      auto bound = co_await runtime_.bind_udp(where, ending.get_token());
      if (bound) {
        sockets_.push_back(std::move(*bound));
      } else {
        why = bound.error();
      }
    } else {
      const io::socket_options options;
      auto bound = co_await runtime_.listen(where, options, ending.get_token());
      if (bound) {
        acceptors_.push_back(std::move(*bound));
      } else {
        why = bound.error();
      }
    }
    if (!why) co_return "the address is free";
    const address_list& all = service ? service->bind_addr : settings_.bind_addr;
    if (is_left_out(all, where, why)) co_return "left out, because this machine has no IPv6";
    co_return failure(on_timeout.explain(why));
  }

  R runtime_;
  const config::server settings_;
  const diagnose_options options_;
  const std::stop_token stop_;
  server_steps steps_;
  settings_step<transport::prepared_server> judgement_;
  std::vector<typename R::acceptor> acceptors_;
  std::vector<typename R::datagram_socket> sockets_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
