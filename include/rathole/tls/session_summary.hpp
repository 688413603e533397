#pragma once

#include <chrono>
#include <string>

namespace rathole::tls {

/// Describes what a TLS handshake agreed on, for people. The subject is what the peer says, and may
/// hold any bytes.
struct session_summary {
  /// The version of the protocol, such as "TLSv1.3".
  std::string version;
  /// The name of the cipher suite.
  std::string suite;
  /// The subject of the peer's certificate; empty if it showed none.
  std::string subject = {};
  /// The last day on which that certificate is valid, by UTC.
  std::chrono::year_month_day expires = {};
};

/// Returns `day` as `YYYY-MM-DD`.
inline std::string to_string(std::chrono::year_month_day day) {
  const auto two = [](unsigned value) { return std::to_string(100 + value).substr(1); };
  return std::to_string(static_cast<int>(day.year())) + '-' +
         two(static_cast<unsigned>(day.month())) + '-' + two(static_cast<unsigned>(day.day()));
}

/// Returns version and cipher suite, and if the peer showed a certificate, its subject and last day.
inline std::string to_string(const session_summary& value) {
  std::string text = value.version + ", " + value.suite;
  if (value.subject.empty()) return text;
  text += ", certificate of " + value.subject;
  if (value.expires.ok()) text += ", valid until " + to_string(value.expires);
  return text;
}

}  // namespace rathole::tls
