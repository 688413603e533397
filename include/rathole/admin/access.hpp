#pragma once

#include <rathole/admin/message.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/http/grammar.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::admin {

/// What a request may do.
enum class permission {
  /// It may read only the metrics.
  metrics,
  /// It may do everything.
  all
};

/// Decides who may use the API. A browser of the user may be led by another site to send requests, so
/// `Host` must be a name of the API (against DNS rebinding), an `Origin` must be the API itself, and
/// without a token a change needs a field that no other site can send.
class access {
 public:
  /// The field that a request which changes something must have if there is no token.
  static constexpr std::string_view own_field = "X-Rathole-Request";

  /// Decides by `options`.
  explicit access(const config::admin_options& options) : options_(options) {
    const auto at = parse_address(options.bind_addr);
    if (at && !at->is_unix()) own_host_ = at->host;
  }

  /// Returns what the token of a request permits; nothing if the request must not be answered. The time
  /// depends only on the lengths of the tokens.
  [[nodiscard]] std::optional<permission> permitted(const request& of) const {
    if (options_.token.empty() && options_.metrics_token.empty()) return permission::all;
    const std::string* const field = of.head.only("Authorization");
    const std::string_view given = field ? bearer(*field) : std::string_view();
    if (options_.token.empty()) return permission::all;
    if (matches(options_.token, given)) return permission::all;
    if (matches(options_.metrics_token, given)) return permission::metrics;
    return std::nullopt;
  }

  /// Returns whether the metrics need no token.
  [[nodiscard]] bool metrics_are_public() const {
    return options_.token.empty() && options_.metrics_token.empty();
  }

  /// Returns whether `Host` names the API. A request of HTTP/1.0 may have none.
  [[nodiscard]] bool is_addressed(const request& of) const {
    if (!of.head.has("Host")) return of.minor == 0;
    const std::string* const host = of.head.only("Host");
    return host && is_own_host(host_of(*host));
  }

  /// Returns whether the request comes from no other site.
  [[nodiscard]] bool is_own_origin(const request& of) const {
    if (!of.head.has("Origin")) return true;
    const std::string* const origin = of.head.only("Origin");
    const std::string* const host = of.head.only("Host");
    if (!origin || !host) return false;
    const auto at = origin->find("://");
    return at != std::string::npos && http::same_ignoring_case(origin->substr(at + 3), *host);
  }

  /// Returns whether a request that changes something was sent on purpose.
  [[nodiscard]] bool is_intended(const request& of) const {
    const std::string* const field = of.head.only(own_field);
    return !options_.token.empty() || (field && *field == "1");
  }

 private:
  static std::string_view bearer(std::string_view field) {
    constexpr std::string_view scheme = "Bearer ";
    if (!http::same_ignoring_case(field.substr(0, scheme.size()), scheme)) return {};
    return http::trimmed(field.substr(scheme.size()));
  }

  static bool matches(const secret& token, std::string_view given) {
    return !token.empty() && constant_time_equal(token.bytes(), byte_view_of(given));
  }

  /// Returns the host in a value of `Host` (RFC 9110 section 7.2), without its port and brackets.
  static std::string_view host_of(std::string_view value) {
    if (value.starts_with('[')) {
      const auto end = value.find(']');
      return end == value.npos ? std::string_view() : value.substr(1, end - 1);
    }
    return value.substr(0, std::min(value.find(':'), value.size()));
  }

  [[nodiscard]] bool is_own_host(std::string_view host) const {
    // A name that an attacker controls can lead here; an address cannot be rebound.
    if (parse_ipv4(host) || parse_ipv6(host)) return true;
    if (http::same_ignoring_case(host, "localhost")) return true;
    if (!own_host_.empty() && http::same_ignoring_case(host, own_host_)) return true;
    return std::ranges::any_of(options_.hosts, [host](const std::string& each) {
      return http::same_ignoring_case(host, each);
    });
  }

  config::admin_options options_;
  std::string own_host_;
};

}  // namespace rathole::admin
