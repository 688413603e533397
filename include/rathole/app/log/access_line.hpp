#pragma once

#include <rathole/core/time.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/text/json.hpp>
#include <rathole/text/utc.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// A forwarded connection that has ended.
struct access_record {
  /// The name of its service.
  std::string_view service;
  /// The address of its visitor; empty on a client, which does not know it.
  std::string_view visitor;
  /// When it began.
  std::chrono::system_clock::time_point began;
  /// How long it lasted.
  duration lasted;
  /// The bytes received from the visitor.
  std::uint64_t received;
  /// The bytes sent to the visitor.
  std::uint64_t sent;
  /// Why it broke; no error if it ended in order.
  std::error_code error;
};

namespace detail {

/// Returns a duration in seconds with milliseconds.
inline std::string seconds_text(duration value) {
  std::array<char, 32> out;
  const double seconds = std::chrono::duration<double>(value).count();
  std::snprintf(out.data(), out.size(), "%.3f", seconds);
  return out.data();
}

/// Returns `text` in a form that is safe for a terminal and has no space; `-` if it is empty.
inline std::string word(std::string_view text) {
  if (text.empty()) return "-";
  std::string out;
  for (const char c : text::escape(text))
    out += c == ' ' ? std::string("\\x20") : std::string(1, c);
  return out;
}

}  // namespace detail

/// Returns the line of the access log for `record`, with its end. As text it has the words start,
/// service, visitor or `-`, seconds, bytes from the visitor, bytes to it, and then `ok` or the reason
/// why it broke; as JSON the same as members of an object.
inline std::string access_line(const access_record& record, bool json) {
  const std::string began = text::utc(record.began);
  const std::string lasted = detail::seconds_text(record.lasted);
  const std::string received = std::to_string(record.received);
  const std::string sent = std::to_string(record.sent);
  if (!json) {
    return began + ' ' + detail::word(record.service) + ' ' + detail::word(record.visitor) + ' ' +
           lasted + ' ' + received + ' ' + sent + ' ' +
           (record.error ? text::printable(record.error.message()) : "ok") + '\n';
  }
  std::string out = "{\"began\":\"" + began + "\",\"service\":";
  text::append_json_string(out, record.service);
  if (!record.visitor.empty()) {
    out += ",\"visitor\":";
    text::append_json_string(out, record.visitor);
  }
  out += ",\"seconds\":" + lasted + ",\"received\":" + received + ",\"sent\":" + sent;
  if (record.error) {
    out += ",\"error\":";
    text::append_json_string(out, record.error.message());
  }
  return out + "}\n";
}

}  // namespace rathole::app
