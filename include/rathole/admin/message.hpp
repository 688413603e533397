#pragma once

#include <rathole/http/head.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// A request to the admin API.
struct request {
  /// The method.
  std::string method = {};
  /// The target, not decoded.
  std::string target = {};
  /// The fields of the head.
  http::head head = {};
  /// The body.
  std::string body = {};
  /// The minor version of HTTP/1.
  int minor = 1;
};

/// An answer of the admin API.
struct response {
  /// The status code.
  int status = 200;
  /// The media type of the body; empty if there is no body.
  std::string type = {};
  /// The body.
  std::string body = {};
  /// Further fields of the head.
  std::vector<http::field> fields = {};
  /// Set if the body is the stream of events: those after this one.
  std::optional<std::uint64_t> events_after = {};
  /// Whether the stream goes on with events that are still to come.
  bool follows_events = true;
};

/// Returns an answer of plain text.
inline response text_response(int status, std::string body) {
  return {.status = status, .type = "text/plain; charset=utf-8", .body = std::move(body)};
}

}  // namespace rathole::admin
