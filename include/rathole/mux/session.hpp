#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/error.hpp>
#include <rathole/mux/frame.hpp>
#include <rathole/mux/frame_reader.hpp>
#include <rathole/mux/session_event.hpp>
#include <rathole/mux/session_state.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/mux/stream_state.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole::mux {

/// One side of a connection that carries many streams, as yamux version 0 describes it: bytes and
/// time in, events and bytes out. It holds no payload. Not safe for several threads.
///
/// What it sends begins with the first frame; the Hello that precedes it is the owner's
/// (`mux/hello.hpp`). A driver works like this:
///
/// * It reads into a buffer of any size and calls `receive` until that returns nothing; then all
///   input has been taken. Bytes of streams are parts of that buffer. Those that it cannot deliver
///   at once it keeps, and calls `consumed` for each byte once it is delivered or dropped.
/// * When its stream takes bytes, it calls `transmit` and writes what that appended. If there is
///   nothing, it asks `next_sender` for the stream whose turn it is, obtains at most `sendable` of
///   its bytes, and writes the header that `begin_data` returns in front of exactly these. So it can
///   reserve `header_size` bytes and read from a socket straight behind them.
/// * It calls `poll` at `deadline`.
///
/// Calls with the id of a stream that the session has forgotten do nothing. It forgets a stream
/// that was reset, or whose directions have both ended when all bytes are consumed. After an error
/// it has forgotten all streams, repeats the error, and has a GoAway to transmit.
class session {
 public:
  /// What `receive` reports.
  using event = session_event;

  /// Begins a session with a peer to which the Hello has announced `own.allowed()`, and whose own
  /// Hello has announced `peer`; with plain yamux, `settings::plain()` and `plain_parameters`. The
  /// peer is not authenticated at first, which also bounds the streams that this side opens, because
  /// the peer applies the same bounds.
  session(role side, const settings& own, const parameters& peer, time_point now)
      : side_(side), state_(side, own, peer, now) {}

  /// Returns how many bytes are missing until the end of the current header or payload. A driver
  /// may give `receive` more or less.
  [[nodiscard]] std::size_t wanted() const { return state_.error ? 0 : reader_.wanted(); }

  /// Takes bytes from the front of `in` and returns the next event. Must be called until it returns
  /// nothing; then it has taken all of `in`, of which it keeps at most a part of a header. Any
  /// split of the input gives the same events, but for where the bytes of `stream_data` are cut.
  /// Fails with a `mux_errc` that says which rule or bound the peer broke.
  result<std::optional<event>> receive(byte_view& in, time_point now);

  /// Records that the owner has delivered or dropped `count` bytes of a stream, at most as many as
  /// it has received of it. The peer may send as many more once half of the window is consumed.
  void consumed(stream_id id, std::size_t count, time_point now) {
    state_.consumed(id, static_cast<std::uint32_t>(count), now);
  }

  /// Does what is due at `now`: sends a ping or acknowledgements, shrinks windows. Fails with
  /// `no_answer` if the peer has not answered a ping in time, and repeats an earlier error.
  result<void> poll(time_point now) { return state_.poll(now); }

  /// Returns when `poll` must be called even if no input arrives.
  [[nodiscard]] std::optional<time_point> deadline() const { return state_.deadline(); }

  /// Appends all frames that are to be sent now, except Data frames; returns whether it appended
  /// any. Must be called only when earlier output has been written, so that what waits remains
  /// bounded (`max_queued_answers`, and a frame or two for each stream). After an error it appends
  /// the GoAway, once; the owner sends it if no Data frame is incomplete.
  bool transmit(byte_buffer& out) { return state_.transmit(out); }

  /// Returns whether `transmit` must be called. It may append nothing, if the window of a stream that
  /// needed an update has shrunk.
  [[nodiscard]] bool has_output() const { return state_.has_output(); }

  /// Opens a stream and returns its id; the peer learns of it with its first frame. Fails with
  /// `errc::limit_reached` if the peer allows no further stream now, `mux_errc::going_away` after a
  /// GoAway of either side, `mux_errc::ids_exhausted` after the last id, which announces that this
  /// side goes away, and with an earlier error.
  result<stream_id> open(time_point now) { return state_.open(now); }

  /// Records what the owner wants to send on a stream. A stream whose wish is `wish::nothing` has
  /// no turn.
  void set_wish(stream_id id, wish what) { state_.set_wish(id, what); }

  /// Returns the stream whose turn it is to send; nothing if no stream that wants to send may, or
  /// if `has_output`, because other frames go first. If several streams want to send, each sends
  /// about `shared_frame_size` bytes in turn; one that did not want to before comes first.
  [[nodiscard]] std::optional<stream_id> next_sender() { return state_.next_sender(); }

  /// Returns the largest payload, in bytes, of the next Data frame of a stream; 0 if it may not
  /// send.
  [[nodiscard]] std::uint32_t sendable(stream_id id) const { return state_.sendable(id); }

  /// Returns the header of a Data frame of `count` bytes, which the driver must write next,
  /// followed by these bytes. The last call of `next_sender` must have returned `id`, nothing may
  /// have been received or reset since, and `count` must be at most `sendable(id)`. `are_last` ends
  /// this direction, with bytes or, if `count` is 0, without; one of the two is required.
  [[nodiscard]] encoded_header begin_data(stream_id id, std::uint32_t count, bool are_last) {
    return state_.begin_data(id, count, are_last);
  }

  /// Resets a stream: the peer learns that what it received may be incomplete. The session forgets
  /// it; the peer may still send what its window allowed, which is dropped.
  void reset(stream_id id) { state_.reset(id); }

  /// Announces that this side accepts no further streams, for which `code` is the reason. Open
  /// streams go on.
  void go_away(go_away_code code = go_away_code::normal) { state_.go_away(code); }

  /// Returns whether one of the two sides has announced that it goes away, and no stream is left;
  /// the owner then closes the connection once it has transmitted everything.
  [[nodiscard]] bool is_finished() const { return state_.is_finished(); }

  /// Replaces the bounds of a peer that is not authenticated by those of one that is, and
  /// acknowledges its streams, by which it learns that.
  void authenticated() { state_.authenticated(); }

  /// Returns to the bounds of a peer that is not authenticated, for streams that are opened from
  /// now on.
  void unauthenticated() { state_.is_authenticated = false; }

  /// Returns whether the peer allows no further stream of this side now.
  [[nodiscard]] bool is_full() const { return state_.is_full(); }
  /// Returns the number of streams that the session remembers.
  [[nodiscard]] std::size_t streams() const { return state_.streams.size(); }
  /// Returns how many bytes of all streams have not been consumed, including those that the current
  /// frame announces.
  [[nodiscard]] std::uint64_t unread() const { return state_.streams.unread(); }
  /// Returns how many bytes the owner might have to keep if the peer used all windows.
  [[nodiscard]] std::uint64_t footprint() const { return state_.streams.footprint(); }
  /// Returns the size of the receive window of a stream, in bytes; 0 if it does not exist.
  [[nodiscard]] std::uint32_t window(stream_id id) const {
    const stream_state* stream = state_.streams.find(id);
    return stream ? stream->window.size() : 0;
  }
  /// Returns the round trip that was measured; nothing before the first answer to a ping.
  [[nodiscard]] std::optional<duration> round_trip() const { return state_.pings.round_trip(); }

 private:
  result<std::optional<event>> begin_frame(const frame_header& header, time_point now);
  std::optional<event> continue_frame(byte_view& in);
  // Each returns why the peer must be cut, if it must.
  std::optional<mux_errc> on_ping(const frame_header& ping, time_point now);
  std::optional<mux_errc> on_stream(const frame_header& frame, time_point now,
                                    std::optional<event>& seen);
  std::optional<mux_errc> on_open(const frame_header& frame, time_point now,
                                  std::optional<event>& seen);
  std::optional<mux_errc> on_closed(const frame_header& frame, bool is_unannounced);
  std::optional<mux_errc> on_content(const frame_header& frame, stream_state& stream,
                                     time_point now);

  role side_;
  session_state state_;
  frame_reader reader_;
  /// The frame whose payload is being received.
  std::optional<frame_header> frame_;
  stream_id last_peer_id_ = 0;
};

inline result<std::optional<session_event>> session::receive(byte_view& in, time_point now) {
  if (state_.error) return failure(state_.error);
  if (!in.empty()) state_.pings.heard(now);
  while (true) {
    if (frame_) {
      if (std::optional<event> seen = continue_frame(in)) return seen;
      if (frame_) return std::nullopt;
    }
    const result<std::optional<frame_header>> header = reader_.header(in);
    if (!header) return state_.cut(static_cast<mux_errc>(header.error().value()));
    if (!*header) return std::nullopt;
    frame_ = **header;
    if (const auto why = state_.guard.frame(*frame_, now)) return state_.cut(*why);
    result<std::optional<event>> seen = begin_frame(*frame_, now);
    if (!seen || *seen) return seen;
  }
}

inline result<std::optional<session_event>> session::begin_frame(const frame_header& header,
                                                                 time_point now) {
  switch (header.type) {
    case frame_type::ping: {
      const std::optional<mux_errc> why = on_ping(header, now);
      if (why) return state_.cut(*why);
      return std::nullopt;
    }
    case frame_type::go_away:
      state_.peer_has_gone_away = true;
      return peer_going_away{header.length};
    default: break;
  }
  std::optional<event> seen;
  const std::optional<mux_errc> why = on_stream(header, now, seen);
  if (why) return state_.cut(*why);
  return seen;
}

inline std::optional<session_event> session::continue_frame(byte_view& in) {
  const frame_header frame = *frame_;
  const byte_view bytes = reader_.payload(in);
  const bool is_complete = reader_.payload_left() == 0;
  if (is_complete) frame_.reset();
  const bool are_last = is_complete && frame.has(flag::fin);
  stream_state* stream = state_.streams.find(frame.id);
  if (!stream || (bytes.empty() && !are_last)) return std::nullopt;
  if (are_last) state_.end_of_peer(frame.id, *stream);
  return stream_data{frame.id, bytes, are_last};
}

inline std::optional<mux_errc> session::on_ping(const frame_header& ping, time_point now) {
  if (ping.has(flag::ack) && state_.pings.answered(ping.length, now)) {
    state_.late.ping_answered();
    return std::nullopt;
  }
  if (!state_.guard.ping(now)) return mux_errc::ping_flood;
  if (ping.has(flag::ack)) return std::nullopt;
  state_.queue({frame_type::ping, flag::ack, 0, ping.length});
  return state_.count_answer() ? std::nullopt : std::optional(mux_errc::unread_answers);
}

inline std::optional<mux_errc> session::on_stream(const frame_header& frame, time_point now,
                                                  std::optional<event>& seen) {
  if (frame.has(flag::syn)) return on_open(frame, now, seen);
  stream_state* stream = state_.streams.find(frame.id);
  if (!stream || !stream->is_announced) return on_closed(frame, stream != nullptr);
  if (frame.has(flag::ack)) {
    if (!stream->is_ours || stream->is_acknowledged) return mux_errc::contradictory_flags;
    stream->is_acknowledged = true;
  }
  const std::optional<mux_errc> why = on_content(frame, *stream, now);
  if (why) return why;
  if (frame.has(flag::ack) && frame.type == frame_type::window_update) {
    seen = stream_acknowledged{frame.id};
  }
  if (!frame.has(flag::rst)) return std::nullopt;
  state_.forget(frame.id);
  seen = stream_reset{frame.id};
  return std::nullopt;
}

inline std::optional<mux_errc> session::on_open(const frame_header& frame, time_point now,
                                                std::optional<event>& seen) {
  const bool is_ours = (frame.id % 2 == 1) == (side_ == role::client);
  if (is_ours) return mux_errc::wrong_stream_id;
  if (frame.id <= last_peer_id_) return mux_errc::stream_id_reused;
  last_peer_id_ = frame.id;
  if (!state_.count_answer()) return mux_errc::unread_answers;
  if (state_.accepts_streams()) {
    seen = stream_opened{frame.id};
    return on_content(frame, state_.accept(frame.id, now), now);
  }
  if (!state_.guard.refusal(now)) return mux_errc::stream_flood;
  state_.queue({frame_type::window_update, flag::rst, frame.id, 0});
  state_.late.allow(state_.initial_window());
  return on_closed(frame, false);
}

inline std::optional<mux_errc> session::on_closed(const frame_header& frame, bool is_unannounced) {
  const bool is_ours = (frame.id % 2 == 1) == (side_ == role::client);
  const bool existed =
      is_ours ? !is_unannounced && state_.has_used(frame.id) : frame.id <= last_peer_id_;
  if (!existed) return mux_errc::unknown_stream;
  if (!state_.late.take(frame.payload_size())) return mux_errc::data_after_close;
  return std::nullopt;
}

inline std::optional<mux_errc> session::on_content(const frame_header& frame, stream_state& stream,
                                                   time_point now) {
  if (frame.type == frame_type::window_update) {
    if (!stream.add_credit(frame.length)) return mux_errc::window_overflow;
    state_.refresh(frame.id, stream);
  }
  const std::uint32_t count = frame.payload_size();
  if (stream.peer_has_ended && (count > 0 || frame.has(flag::fin))) return mux_errc::data_after_end;
  if (count == 0) return std::nullopt;
  if (!stream.window.take(count, now)) return mux_errc::window_overrun;
  state_.streams.recount(stream);
  if (state_.streams.limited_unread() > max_unauthenticated_unread) {
    return mux_errc::unread_overflow;
  }
  if (state_.pings.is_measurement_due(now)) state_.queue_ping(state_.pings.begin_ping(now));
  return std::nullopt;
}

}  // namespace rathole::mux
