#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace rathole::admin {

/// Something that happened, for the stream of events. Members that do not concern the event are empty
/// or 0. `Text` is the type of its texts.
template <class Text>
struct basic_event {
  /// The number of the event, counted from 1.
  std::uint64_t id = 0;
  /// When it happened.
  std::chrono::system_clock::time_point at = {};
  /// The name of the event, such as `connection_started`: a constant of the program.
  std::string_view name = {};
  /// The name of the service.
  Text service = {};
  /// The address that it concerns: of a visitor, a peer or a listener.
  Text address = {};
  /// What else there is to say, such as the reason.
  Text detail = {};
  /// The number of the connection.
  std::uint64_t connection = 0;
  /// The bytes from the visitor, or the number that the event reports.
  std::uint64_t received = 0;
  /// The bytes to the visitor.
  std::uint64_t sent = 0;
  /// How long it lasted, in seconds.
  double seconds = 0;

  /// Compares all members.
  [[nodiscard]] bool operator==(const basic_event&) const = default;
};

/// An event that has texts of its own.
using event_record = basic_event<std::string>;
/// An event whose texts must outlive it: a visit makes two, which are packed at once.
using event_view = basic_event<std::string_view>;

/// Returns a view of `of`, which must outlive it.
inline event_view view(const event_record& of) {
  return {.id = of.id,
          .at = of.at,
          .name = of.name,
          .service = of.service,
          .address = of.address,
          .detail = of.detail,
          .connection = of.connection,
          .received = of.received,
          .sent = of.sent,
          .seconds = of.seconds};
}

}  // namespace rathole::admin
