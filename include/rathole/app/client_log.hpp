#pragma once

#include <rathole/app/log.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/app/repeats.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/io/host_lookup.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <cstdint>
#include <optional>
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

  /// What tells the time, for lines that repeat.
  using time_source = time_point (*)();

  /// `lines` outlives the observer.
  explicit client_log(logger& lines, time_source now = &clock::now) : lines_(lines), now_(now) {}

  /// At info for the first attempt of a service only; the later ones follow failures, which tell.
  void on(const client::control_channel_starting& e) {
    const bool is_first = started_.emplace(e.service).second;
    write(is_first ? log_level::info : log_level::debug, e.service,
          "Starting " + to_hex(protocol::service_digest(e.service)));
  }
  void on(const client::control_channel_established& e) {
    if (const auto last = refused_.find(e.service); last != refused_.end()) refused_.erase(last);
    write(log_level::info, e.service, "Control channel established");
  }
  void on(const client::control_channel_failed& e) {
    if (e.error == errc::stopped) {
      write(log_level::info, e.service, "Control channel is made anew");
      return;
    }
    const std::string why = cause(e);
    const auto last = refused_.find(e.service);
    const bool is_known = last != refused_.end() && last->second == why;
    if (is_refusal(e.error)) refused_.insert_or_assign(std::string(e.service), why);
    write(is_known ? log_level::debug : log_level::error, e.service,
          "Failed to run the control channel: " + why + retry_text(e.retry_in));
  }
  void on(const client::control_channel_closed& e) {
    forget(e.service);
    write(log_level::info, e.service, "Control channel shutdown");
  }
  void on(const client::data_channel_failed& e) {
    // The server closes what it no longer needs; that is its right.
    const bool is_usual = e.error == errc::end_of_stream;
    write_channel_failure(is_usual, e.service, e.error.message());
  }
  void on(const client::local_connect_failed& e) {
    write_channel_failure(false, e.service,
                          "Failed to connect to " + shown(e.local) + ": " + e.error.message());
  }
  void on(const client::forward_started& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, "Forward " + std::to_string(e.id) + " started");
  }
  void on(const client::forward_ended& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, forward_text(e.id, e.received, e.sent, e.error));
  }

  void on(const client::datagrams_lost& e) {
    write(log_level::warn, e.service, losses_text(e.since));
  }

 private:
  /// Visitors, and the server, can cause these lines as often as they like.
  void write_channel_failure(bool is_usual, std::string_view service, const std::string& cause) {
    std::optional<std::uint64_t> before;
    if (!is_usual) before = repeats_.note(std::string(service) + '\n' + cause, now_());
    write(before ? log_level::warn : log_level::debug, service,
          "Failed to run the data channel: " + cause + repeats_text(before.value_or(0)));
  }

  /// The chain of causes, as upstream prints it.
  static std::string cause(const client::control_channel_failed& e) {
    const std::string reason = e.error.message();
    if (e.established) return reason;
    if (is_refusal(e.error)) {
      return "Authentication failed: " + escape(e.service) + ": " + reason;
    }
    if (e.error == errc::timed_out) return "No answer from " + shown(e.remote) + ": " + reason;
    if (is_of_handshake(e.error))
      return "Failed to handshake with " + shown(e.remote) + ": " + reason;
    return "Failed to connect to " + shown(e.remote) + ": " + reason;
  }

  /// Whether the server does not take the service or its token: every attempt will say so again.
  static bool is_refusal(const std::error_code& ec) {
    return ec == errc::service_not_exist || ec == errc::authentication_failed;
  }

  /// A service that comes back is told of as a new one.
  void forget(std::string_view service) {
    if (const auto last = refused_.find(service); last != refused_.end()) refused_.erase(last);
    if (const auto first = started_.find(service); first != started_.end()) started_.erase(first);
  }

  /// Whether the connection stood before it failed.
  static bool is_of_handshake(const std::error_code& ec) {
    if (ec == errc::host_not_found || ec == errc::invalid_address) return false;
    const auto& from = ec.category();
    const bool is_network = from == std::system_category() || from == std::generic_category() ||
                            from == io::lookup_category() ||
                            std::string_view(from.name()).starts_with("asio.");
    return !is_network;
  }

  void write(log_level level, std::string_view service, std::string_view message) {
    lines_.write(level, target, service_context(service), message);
  }

  logger& lines_;
  time_source now_;
  repeats repeats_;
  std::set<std::string, std::less<>> started_;
  /// Why services were refused last, which is told once.
  std::map<std::string, std::string, std::less<>> refused_;
};

}  // namespace rathole::app
