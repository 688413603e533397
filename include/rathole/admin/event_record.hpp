#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace rathole::admin {

/// Something that happened, for the stream of events. Members that do not concern the event are empty
/// or 0.
struct event_record {
  /// The number of the event, counted from 1.
  std::uint64_t id = 0;
  /// When it happened.
  std::chrono::system_clock::time_point at = {};
  /// The name of the event, such as `connection_started`: a constant of the program.
  std::string_view name = {};
  /// The name of the service.
  std::string service = {};
  /// The address that it concerns: of a visitor, a peer or a listener.
  std::string address = {};
  /// What else there is to say, such as the reason.
  std::string detail = {};
  /// The number of the connection.
  std::uint64_t connection = 0;
  /// The bytes from the visitor, or the number that the event reports.
  std::uint64_t received = 0;
  /// The bytes to the visitor.
  std::uint64_t sent = 0;
  /// How long it lasted, in seconds.
  double seconds = 0;

  /// Compares all members.
  [[nodiscard]] bool operator==(const event_record&) const = default;
};

}  // namespace rathole::admin
