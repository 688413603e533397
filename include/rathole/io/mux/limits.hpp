#pragma once

#include <rathole/mux/constants.hpp>
#include <rathole/mux/frame.hpp>

#include <chrono>
#include <cstddef>

namespace rathole::io {

/// How many headers and payloads of a multiplexed connection are processed until other work of the
/// executor runs, so that a peer that sends tiny frames does not block the thread.
inline constexpr unsigned mux_steps_per_turn = 256;

/// How many bytes are read at once from a multiplexed connection without an authenticated stream.
inline constexpr std::size_t mux_unauthenticated_read_size = std::size_t{4} * 1024;

/// How many bytes are read at once from other multiplexed connections: a frame.
inline constexpr std::size_t mux_read_size = mux::header_size + mux::max_frame_size;

/// How many bytes of frames are gathered for one write; the last frame may exceed it.
inline constexpr std::size_t mux_write_size = std::size_t{64} * 1024;

/// How many bytes of a multiplexed connection may be unsent in the system's buffer until it takes no
/// more, so that a short message does not queue behind a download there (TCP_NOTSENT_LOWAT).
inline constexpr unsigned mux_unsent_limit = 128 * 1024;

/// The most bytes that `write_corked` delays on a multiplexed stream.
inline constexpr std::size_t mux_corked_limit = std::size_t{4} * 1024;

/// How long the peer may leave its direction open after a stream was closed in order, before the
/// stream is reset; as long as Linux waits for the end of a closed connection (tcp_fin_timeout).
inline constexpr std::chrono::seconds mux_closed_stream_time{60};

}  // namespace rathole::io
