#pragma once

#include <rathole/app/log.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// Observes a client and logs. What scripts look for keeps upstream's wording.
class client_log {
 public:
  /// The module that the lines name.
  static constexpr std::string_view target = "rathole::client";

  /// `lines` outlives the observer.
  explicit client_log(logger& lines) : lines_(lines) {}

  /// At info for the first attempt of a service only; the later ones follow failures, which tell.
  void on(const client::control_channel_starting& e) {
    const bool is_first = started_.emplace(e.service).second;
    write(is_first ? log_level::info : log_level::debug, e.service,
          "Starting " + to_hex(protocol::service_digest(e.service)));
  }
  void on(const client::control_channel_established& e) {
    write(log_level::info, e.service, "Control channel established");
  }
  void on(const client::control_channel_failed& e) {
    write(log_level::error, e.service,
          "Failed to run the control channel: " + cause(e) + retry_text(e.retry_in));
  }
  void on(const client::control_channel_closed& e) {
    write(log_level::info, e.service, "Control channel shutdown");
  }
  void on(const client::data_channel_failed& e) {
    // The server closes what it no longer needs; that is its right.
    const bool is_usual = e.error == errc::end_of_stream;
    write(is_usual ? log_level::debug : log_level::warn, e.service,
          "Failed to run the data channel: " + e.error.message());
  }
  void on(const client::local_connect_failed& e) {
    write(log_level::warn, e.service,
          "Failed to run the data channel: Failed to connect to " + shown(e.local) + ": " +
              e.error.message());
  }
  void on(const client::forward_started& e) {
    write(log_level::debug, e.service, "Forward started");
  }
  void on(const client::forward_ended& e) {
    write(log_level::debug, e.service, forward_text(e.received, e.sent, e.error));
  }

 private:
  /// The chain of causes, as upstream prints it.
  static std::string cause(const client::control_channel_failed& e) {
    const std::string reason = e.error.message();
    if (e.established) return reason;
    if (e.error == errc::service_not_exist || e.error == errc::authentication_failed) {
      return "Authentication failed: " + escape(e.service) + ": " + reason;
    }
    if (e.error == errc::timed_out) return "No answer from " + shown(e.remote) + ": " + reason;
    const bool is_protocol = e.error.category() == error_category() &&
                             e.error != errc::host_not_found && e.error != errc::invalid_address;
    if (is_protocol) return "Failed to handshake with " + shown(e.remote) + ": " + reason;
    return "Failed to connect to " + shown(e.remote) + ": " + reason;
  }

  void write(log_level level, std::string_view service, std::string_view message) {
    lines_.write(level, target, service_context(service), message);
  }

  logger& lines_;
  std::set<std::string, std::less<>> started_;
};

}  // namespace rathole::app
