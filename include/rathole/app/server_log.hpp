#pragma once

#include <rathole/app/log.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/core/error.hpp>
#include <rathole/server/events.hpp>

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

  /// `lines` outlives the observer.
  explicit server_log(logger& lines, listening_hook listens = {})
      : lines_(lines), listens_(std::move(listens)) {}

  void on(const server::listening& e) {
    write(log_level::info, {}, "Listening at " + shown(e.at));
    if (listens_) listens_({}, e.at);
  }
  void on(const server::service_listening& e) {
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
    write(log_level::debug, connection_context(e.peer),
          "Failed to handshake: " + e.error.message());
  }
  void on(const server::unknown_service& e) {
    write(log_level::error, connection_context(e.peer), "No such a service " + escape(e.digest));
  }
  void on(const server::authentication_failed& e) {
    write(log_level::error, connection_context(e.peer),
          "Service " + escape(e.service) + " failed the authentication");
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
    write(log_level::warn, service_context(e.service),
          "Visitor " + shown(e.visitor) + " turned away: " + e.error.message());
  }
  void on(const server::forward_started& e) {
    write(log_level::debug, service_context(e.service),
          "Forward started for visitor " + shown(e.visitor));
  }
  void on(const server::forward_ended& e) {
    write(log_level::debug, service_context(e.service), forward_text(e.received, e.sent, e.error));
  }

 private:
  static std::string channel_context(const address& peer, std::string_view service) {
    return connection_context(peer) + ':' + service_context(service);
  }

  void write(log_level level, std::string_view context, std::string_view message) {
    lines_.write(level, target, context, message);
  }

  logger& lines_;
  listening_hook listens_;
};

}  // namespace rathole::app
