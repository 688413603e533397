#pragma once

#include <rathole/app/log.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/app/repeats.hpp>
#include <rathole/core/error.hpp>
#include <rathole/server/events.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

/// Observes a server and logs. What scripts look for keeps upstream's wording.
class server_log {
 public:
  /// The module that the lines name.
  static constexpr std::string_view target = "rathole::server";

  /// Told where visitors of a service connect, or clients if `service` is empty.
  using listening_hook = std::function<void(std::string_view service, const address& at)>;

  /// What tells the time, for lines that repeat.
  using time_source = time_point (*)();

  /// `lines` outlives the observer.
  explicit server_log(logger& lines, listening_hook listens = {}, time_source now = &clock::now)
      : lines_(lines), listens_(std::move(listens)), now_(now) {}

  void on(const server::listening& e) {
    warn_of_replacement({}, e.at, e.in_place_of);
    write(log_level::info, {}, "Listening at " + shown(e.at));
    if (listens_) listens_({}, e.at);
  }
  void on(const server::service_listening& e) {
    warn_of_replacement(service_context(e.service), e.at, e.in_place_of);
    write(log_level::info, service_context(e.service), "Listening at " + shown(e.at));
    if (listens_) listens_(e.service, e.at);
  }
  void on(const server::service_bind_failed& e) {
    write(log_level::error, service_context(e.service),
          "Failed to listen at " + shown(e.at) + ": " + e.error.message() + retry_text(e.retry_in));
  }
  void on(const server::accept_failed& e) {
    write(log_level::error, e.service.empty() ? std::string() : service_context(e.service),
          "Failed to accept: " + e.error.message() + retry_text(e.retry_in));
  }
  void on(const server::handshake_failed& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, connection_context(e.peer),
          "Failed to handshake: " + e.error.message());
  }
  void on(const server::unknown_service& e) {
    write(refusal_level(e.repeated), connection_context(e.peer),
          "No such a service " + escape(e.digest));
  }
  void on(const server::authentication_failed& e) {
    write(refusal_level(e.repeated), connection_context(e.peer),
          "Service " + escape(e.service) + " failed the authentication");
  }
  void on(const server::connections_refused& e) {
    write(log_level::warn, {}, refusals_text(e.what, e.within));
  }
  void on(const server::control_channel_established& e) {
    write(log_level::info, channel_context(e.peer, e.service), "Control channel established");
  }
  void on(const server::control_channel_replaced& e) {
    write(log_level::warn, channel_context(e.peer, e.service),
          "Dropping previous control channel for service " + escape(e.service));
  }
  void on(const server::control_channel_closed& e) {
    std::string message = "Control channel shutdown";
    if (e.error && e.error != errc::stopped) message += ": " + e.error.message();
    write(log_level::info, channel_context(e.peer, e.service), message);
  }
  void on(const server::visitor_refused& e) {
    const std::string cause = e.error.message();
    const auto before = repeats_.note(std::string(e.service) + '\n' + cause, now_());
    write(before ? log_level::warn : log_level::debug, service_context(e.service),
          "Visitor " + shown(e.visitor) + " turned away: " + cause +
              repeats_text(before.value_or(0)));
  }
  void on(const server::forward_started& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, service_context(e.service),
          "Forward " + std::to_string(e.id) + " started for visitor " + shown(e.visitor));
  }
  void on(const server::forward_ended& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, service_context(e.service),
          forward_text(e.id, e.received, e.sent, e.error));
  }

  void on(const server::datagrams_lost& e) {
    write(log_level::warn, service_context(e.service), losses_text(e.since));
  }

 private:
  /// Anybody can cause these lines, so those that repeat are for who looks for them.
  static log_level refusal_level(bool repeated) {
    return repeated ? log_level::debug : log_level::error;
  }

  static std::string refusals_text(const server::refusal_summary& what, duration within) {
    static constexpr std::array<std::string_view, server::refusal_kinds> names = {
        "dropped because too many", "timed out",   "closed early",   "not the protocol",
        "unknown service",          "wrong token", "unknown session"};
    std::string text = "Refused " + std::to_string(what.total()) + " connections from " +
                       std::to_string(what.sources) + " sources in " + to_text(within) + ':';
    const char* separator = " ";
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (what.counts[i] == 0) continue;
      text.append(separator).append(std::to_string(what.counts[i])).append(" ").append(names[i]);
      separator = ", ";
    }
    return text + "; most from " + escape(what.most_active) + " (" +
           std::to_string(what.by_most_active) + ')';
  }

  void warn_of_replacement(std::string_view context, const address& at, const address* wanted) {
    if (!wanted) return;
    write(log_level::warn, context,
          "This host has no IPv6: listening at " + shown(at) + " in place of " + shown(*wanted) +
              "; name 0.0.0.0 in `bind_addr` if that is meant");
  }

  static std::string channel_context(const address& peer, std::string_view service) {
    return connection_context(peer) + ':' + service_context(service);
  }

  void write(log_level level, std::string_view context, std::string_view message) {
    lines_.write(level, target, context, message);
  }

  logger& lines_;
  listening_hook listens_;
  time_source now_;
  repeats repeats_;
};

}  // namespace rathole::app
