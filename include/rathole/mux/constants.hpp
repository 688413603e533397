#pragma once

#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

// What a peer can make a session hold or do is bounded by these.

namespace rathole::mux {

/// The initial window of a stream that rathole announces in its Hello, in bytes.
inline constexpr std::uint32_t default_initial_window = 32 * 1024;

/// The initial window of a stream in plain yamux, which has no Hello, in bytes.
inline constexpr std::uint32_t plain_initial_window = 256 * 1024;

/// The smallest initial window that a Hello may announce, in bytes.
inline constexpr std::uint32_t min_initial_window = 4 * 1024;

/// The size up to which the window of a stream grows, in bytes; also the largest initial window
/// that a Hello may announce.
inline constexpr std::uint32_t max_window = 16 * 1024 * 1024;

/// The sum of the windows of all streams of a connection beyond which none grows, in bytes.
inline constexpr std::uint64_t receive_budget = 64 * 1024 * 1024;

/// How long a stream must receive nothing until its window shrinks to the initial one.
inline constexpr duration unused_time = std::chrono::seconds(2);

/// The shortest round trip that windows are dimensioned for. On a shorter path the time until a
/// thread runs matters more than the path.
inline constexpr duration least_round_trip = std::chrono::milliseconds(1);

/// The pause between two pings that measure the round trip while data arrives.
inline constexpr duration round_trip_interval = std::chrono::seconds(2);

/// The time without any input after which a ping is sent, by default.
inline constexpr duration default_keepalive_interval = std::chrono::seconds(30);

/// The time without any input, after that ping, after which the connection counts as lost, by
/// default.
inline constexpr duration default_keepalive_timeout = std::chrono::seconds(15);

/// The most streams that a peer may have open at once, by default.
inline constexpr std::uint32_t default_max_streams = 1024;

/// The largest value of `settings::max_streams`.
inline constexpr std::uint32_t max_streams_limit = 16 * 1024;

/// The most streams that a peer may have open at once before it is authenticated.
inline constexpr std::uint32_t max_unauthenticated_streams = 16;

/// The most unread bytes of all streams that were opened without authentication.
inline constexpr std::uint64_t max_unauthenticated_unread = 64 * 1024;

/// The most bytes of one Data frame while several streams have something to send; also what a
/// stream may send in one turn.
inline constexpr std::uint32_t shared_frame_size = 16 * 1024;

/// The most bytes of one Data frame while one stream alone has something to send.
inline constexpr std::uint32_t max_frame_size = 64 * 1024;

/// What a Data frame costs its stream at least, in bytes, when turns are distributed. It bounds
/// how many small frames of one stream precede a frame of another one.
inline constexpr std::uint32_t least_frame_cost = 1024;

/// How long the acknowledgement of a new stream waits for a frame to travel with.
inline constexpr duration acknowledgement_delay = std::chrono::milliseconds(100);

/// How many acknowledgements wait at most; one more sends all of them.
inline constexpr std::size_t max_delayed_acknowledgements = 64;

/// How many frames that need an answer, such as Pings, are taken at most before the owner transmits
/// the answers. A peer that sends more and reads none of the answers is cut.
inline constexpr std::size_t max_queued_answers = 8 * 1024;

/// A rate that a peer must not exceed: a token bucket.
struct rate {
  /// How many may come at once.
  std::uint32_t burst;
  /// How many may come a second on average.
  std::uint32_t per_second;
};

/// The rates of what costs a peer little and a session more.
struct flood_rates {
  /// Frames without payload, and frames that open a stream.
  rate frames;
  /// Pings, and answers to pings that were not sent.
  rate pings;
  /// Streams that are reset by the peer.
  rate resets;
  /// Streams that are opened although the peer has as many as it may have.
  rate refusals;
};

/// The rates of a peer that is not authenticated.
inline constexpr flood_rates unauthenticated_rates{
    .frames = {4096, 512}, .pings = {64, 8}, .resets = {128, 16}, .refusals = {64, 8}};

/// The rates of an authenticated peer.
inline constexpr flood_rates authenticated_rates{.frames = {256 * 1024, 128 * 1024},
                                                 .pings = {64, 8},
                                                 .resets = {16 * 1024, 4 * 1024},
                                                 .refusals = {4 * 1024, 1024}};

}  // namespace rathole::mux
