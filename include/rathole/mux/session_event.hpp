#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/mux/frame.hpp>

#include <algorithm>
#include <cstdint>
#include <variant>

namespace rathole::mux {

/// The peer has opened a stream.
struct stream_opened {
  /// The stream.
  stream_id id;

  /// Compares all members.
  bool operator==(const stream_opened&) const = default;
};

/// The peer has acknowledged a stream by a frame without bytes. A server of rathole does so only
/// while it counts the connection as authenticated, and then accepts more than
/// `max_unauthenticated_streams`.
struct stream_acknowledged {
  /// The stream.
  stream_id id;

  /// Compares all members.
  bool operator==(const stream_acknowledged&) const = default;
};

/// Bytes of a stream have arrived, or its peer has ended its direction, or both. The owner delivers
/// or keeps the bytes, and reports those that it delivered by `session::consumed`.
struct stream_data {
  /// The stream.
  stream_id id;
  /// The bytes: a part of the input of `session::receive`, valid as long as that is. May be empty
  /// if `are_last`.
  byte_view bytes;
  /// Whether the peer sends nothing after these bytes.
  bool are_last;

  /// Compares the members, and the bytes by their values.
  bool operator==(const stream_data& other) const {
    return id == other.id && are_last == other.are_last && std::ranges::equal(bytes, other.bytes);
  }
};

/// The peer has reset a stream: what it sent may be incomplete, and nothing can be sent to it. The
/// session has forgotten the stream; the owner must drop what it keeps for it.
struct stream_reset {
  /// The stream.
  stream_id id;

  /// Compares all members.
  bool operator==(const stream_reset&) const = default;
};

/// The peer has announced that it accepts no further streams. Open streams go on if the code is
/// `go_away_code::normal`; otherwise the peer is about to close the connection.
struct peer_going_away {
  /// The code of the frame; any number.
  std::uint32_t code;

  /// Compares all members.
  bool operator==(const peer_going_away&) const = default;
};

/// What `session::receive` reports.
using session_event =
    std::variant<stream_opened, stream_acknowledged, stream_data, stream_reset, peer_going_away>;

}  // namespace rathole::mux
