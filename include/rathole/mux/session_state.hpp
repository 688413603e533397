#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/mux/acknowledgements.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/error.hpp>
#include <rathole/mux/flood_guard.hpp>
#include <rathole/mux/frame.hpp>
#include <rathole/mux/late_data.hpp>
#include <rathole/mux/liveness.hpp>
#include <rathole/mux/sender_queue.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/mux/stream_state.hpp>
#include <rathole/mux/stream_table.hpp>
#include <rathole/mux/window_growth.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <system_error>

namespace rathole::mux {

/// What a session knows, and what it does without input: it opens streams, sends, and acts when
/// time passes. `session`, which adds what the peer's frames do, describes the functions that both
/// have.
class session_state {
 public:
  /// See `session`.
  session_state(role side, const settings& own, const parameters& peer, time_point now)
      : own_(own.allowed()),
        peer_(peer),
        last_id_(own.last_id),
        next_id_(side == role::client ? 1 : 2),
        pings(own.keepalive_interval, own.keepalive_timeout, now) {
    queue_ping(pings.begin_ping(now));
  }

  /// See `session::consumed`.
  void consumed(stream_id id, std::uint32_t count, time_point now) {
    stream_state* stream = streams.find(id);
    if (!stream) return;
    stream->window.consume(count);
    if (!stream->peer_has_ended && stream->window.is_update_due() && !updates_.contains(id)) {
      updates_.insert(id);
      growth_.consumed(*stream, streams, pings.round_trip(), now);
    }
    streams.recount(*stream);
    if (stream->is_done()) forget(id);
  }

  /// See `session::poll`.
  result<void> poll(time_point now) {
    if (error) return failure(error);
    switch (pings.poll(now)) {
      case liveness::action::none: break;
      case liveness::action::ping: queue_ping(pings.begin_keepalive(now)); break;
      case liveness::action::lost: return cut(mux_errc::no_answer);
    }
    acknowledge(now);
    growth_.poll(streams, now);
    return {};
  }

  /// See `session::deadline`.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (error) return std::nullopt;
    std::optional<time_point> first = pings.deadline();
    const auto acknowledgement =
        is_authenticated ? unacknowledged_.deadline() : std::optional<time_point>();
    for (const std::optional<time_point>& other : {acknowledgement, growth_.deadline()}) {
      if (other && (!first || *other < *first)) first = other;
    }
    return first;
  }

  /// See `session::transmit`.
  bool transmit(byte_buffer& out) {
    bool any = frames_.drain_into(out);
    answers_ = 0;
    while (is_announcement_due()) any |= append_update(*unannounced_.begin(), out);
    while (!updates_.empty()) any |= append_update(*updates_.begin(), out);
    return any;
  }

  /// See `session::has_output`.
  [[nodiscard]] bool has_output() const {
    return !frames_.empty() || !updates_.empty() || is_announcement_due();
  }

  /// See `session::open`.
  result<stream_id> open(time_point now) {
    if (error) return failure(error);
    if (has_gone_away || peer_has_gone_away) return failure(mux_errc::going_away);
    if (next_id_ > last_id_) {
      go_away(go_away_code::normal);
      return failure(mux_errc::ids_exhausted);
    }
    if (is_full()) return failure(errc::limit_reached);
    const auto id = static_cast<stream_id>(next_id_);
    next_id_ += 2;
    add(id, true, now);
    unannounced_.insert(id);
    return id;
  }

  /// See `session::is_full`.
  [[nodiscard]] bool is_full() const {
    return streams.is_full(true, peer_.max_streams, is_authenticated);
  }

  /// See `session::set_wish`.
  void set_wish(stream_id id, wish what) {
    stream_state* stream = streams.find(id);
    if (!stream) return;
    stream->wish = what;
    refresh(id, *stream);
  }

  /// See `session::next_sender`.
  [[nodiscard]] std::optional<stream_id> next_sender() {
    if (error || has_output()) return std::nullopt;
    // Streams are announced in the order of their ids; without output the first one is ready.
    if (!unannounced_.empty()) return *unannounced_.begin();
    return senders_.next();
  }

  /// See `session::sendable`.
  [[nodiscard]] std::uint32_t sendable(stream_id id) const {
    const stream_state* stream = streams.find(id);
    if (!stream || stream->has_ended) return 0;
    return std::min(stream->send_credit, senders_.ready() > 1 ? shared_frame_size : max_frame_size);
  }

  /// See `session::begin_data`.
  encoded_header begin_data(stream_id id, std::uint32_t count, bool are_last) {
    stream_state* stream = streams.find(id);
    assert(stream && count <= sendable(id) && (count > 0 || are_last));
    frame_header header{frame_type::data, first_flags(id, *stream), id, count};
    stream->send_credit -= count;
    senders_.charge(id, count);
    if (are_last) {
      header.flags |= flag::fin;
      stream->has_ended = true;
      if (stream->peer_has_ended) streams.set_over(*stream);
    }
    refresh(id, *stream);
    if (stream->is_done()) forget(id);
    return encode(header);
  }

  /// See `session::reset`.
  void reset(stream_id id) {
    const stream_state* stream = streams.find(id);
    if (!stream) return;
    if (stream->is_announced) {
      if (!stream->peer_has_ended) late.allow(stream->window.credit());
      queue({frame_type::window_update, flag::rst, id, 0});
    }
    forget(id);
  }

  /// See `session::go_away`.
  void go_away(go_away_code code) {
    if (error || has_gone_away) return;
    has_gone_away = true;
    queue({frame_type::go_away, 0, 0, static_cast<std::uint32_t>(code)});
  }

  /// See `session::is_finished`.
  [[nodiscard]] bool is_finished() const {
    return (has_gone_away || peer_has_gone_away) && streams.size() == 0;
  }

  /// See `session::authenticated`.
  void authenticated() {
    if (!is_authenticated) guard = flood_guard(authenticated_rates);
    is_authenticated = true;
    streams.lift_limits();
    // None waits any longer, because they say that the peer is authenticated.
    acknowledge(time_point::max());
  }

  /// Ends the session: its last output is a GoAway. Returns the error.
  std::unexpected<std::error_code> cut(mux_errc reason) {
    error = reason;
    streams.clear();
    senders_ = sender_queue();
    unannounced_.clear();
    updates_.clear();
    unacknowledged_ = acknowledgements();
    growth_ = window_growth();
    frames_.clear();
    queue({frame_type::go_away, 0, 0, static_cast<std::uint32_t>(go_away_code_of(reason))});
    return failure(error);
  }

  /// Returns whether the peer may open another stream.
  [[nodiscard]] bool accepts_streams() const {
    return !has_gone_away && !streams.is_full(false, own_.max_streams, is_authenticated);
  }

  /// Adds a stream that the peer has opened.
  stream_state& accept(stream_id id, time_point now) {
    stream_state& added = add(id, false, now);
    unacknowledged_.add(id, now);
    acknowledge(now);
    return added;
  }

  /// Forgets a stream.
  void forget(stream_id id) {
    streams.remove(id);
    senders_.remove(id);
    unannounced_.erase(id);
    updates_.erase(id);
    unacknowledged_.remove(id);
  }

  /// Queues a frame without payload.
  void queue(const frame_header& header) { frames_.append(encode(header)); }

  /// Queues a Ping, which asks.
  void queue_ping(std::uint32_t value) {
    queue({frame_type::ping, flag::syn, 0, value});
    late.ping_sent();
  }

  /// Counts a frame that needs an answer; returns false if too many answers wait.
  [[nodiscard]] bool count_answer() { return ++answers_ <= max_queued_answers; }

  /// Must be called when whether a stream may send can have changed.
  void refresh(stream_id id, const stream_state& stream) {
    senders_.set_ready(id, stream.is_ready());
  }

  /// Records that the peer has ended its direction of a stream.
  void end_of_peer(stream_id id, stream_state& stream) {
    stream.peer_has_ended = true;
    updates_.erase(id);
    if (stream.has_ended) streams.set_over(stream);
    if (stream.is_done()) forget(id);
  }

  /// Returns the window of each stream that the peer opens, and that it gets for ours.
  [[nodiscard]] std::uint32_t initial_window() const { return own_.initial_window; }

  /// Returns whether this side has opened, or passed over, its stream with that id.
  [[nodiscard]] bool has_used(stream_id id) const { return id < next_id_; }

 private:
  stream_state& add(stream_id id, bool ours, time_point now) {
    stream_state state(own_.initial_window, peer_.initial_window, ours, now);
    state.is_limited = !is_authenticated;
    return streams.add(id, state);
  }

  [[nodiscard]] bool is_announcement_due() const {
    return !unannounced_.empty() && !streams.find(*unannounced_.begin())->is_ready();
  }

  /// Returns the flags of the next frame of a stream if that is the first one.
  std::uint16_t first_flags(stream_id id, stream_state& stream) {
    if (!stream.is_announced) {
      stream.is_announced = true;
      unannounced_.erase(id);
      return flag::syn;
    }
    if (stream.is_ours || stream.is_acknowledged) return 0;
    stream.is_acknowledged = true;
    unacknowledged_.remove(id);
    return flag::ack;
  }

  bool append_update(stream_id id, byte_buffer& out) {
    updates_.erase(id);
    stream_state& stream = *streams.find(id);
    const std::uint16_t flags = first_flags(id, stream);
    const std::uint32_t added = stream.window.grant();
    streams.recount(stream);
    // A window that has shrunk needs none.
    if (flags == 0 && added == 0) return false;
    out.append(encode({frame_type::window_update, flags, id, added}));
    return true;
  }

  /// Acknowledges the streams that have waited for a frame long enough. The peer takes that as the
  /// sign that it is authenticated.
  void acknowledge(time_point now) {
    if (!is_authenticated) return;
    while (const std::optional<stream_id> id = unacknowledged_.first_due(now)) {
      append_update(*id, frames_);
    }
  }

  parameters own_;
  parameters peer_;
  std::uint64_t last_id_;
  std::uint64_t next_id_;
  sender_queue senders_;
  /// Frames to be sent before others.
  byte_buffer frames_;
  std::size_t answers_ = 0;
  /// Streams of ours that the peer does not know.
  std::set<stream_id> unannounced_;
  /// Streams that need a window update.
  std::set<stream_id> updates_;
  acknowledgements unacknowledged_;
  window_growth growth_;

 public:
  /// The streams.
  stream_table streams;
  /// Counts what a peer must not do too often.
  flood_guard guard;
  /// Bounds data on closed streams.
  late_data late;
  /// Decides about pings.
  liveness pings;
  /// Why the session ended, if it did.
  std::error_code error;
  /// Whether the bounds of an authenticated peer apply to new streams.
  bool is_authenticated = false;
  /// Whether this side has announced that it goes away.
  bool has_gone_away = false;
  /// Whether the peer has.
  bool peer_has_gone_away = false;
};

}  // namespace rathole::mux
