#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/flows.hpp>
#include <rathole/io/mux/limits.hpp>
#include <rathole/mux/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>
#include <variant>

namespace rathole::io {

/// What the reader, the writer and the timer of a multiplexed connection do with its streams. The
/// connection, which has these three, derives from it.
class mux_flow_driver : public mux_flows {
 protected:
  using mux_flows::mux_flows;

  /// Takes bytes of the connection.
  void receive(byte_view in, time_point at) {
    use_session([&] {
      while (!has_ended()) {
        const auto seen = session().receive(in, at);
        if (!seen) return end(seen.error());
        if (!*seen) return;
        std::visit([this, at](const auto& each) { on(each, at); }, **seen);
      }
    });
  }

  /// Returns how many bytes are missing until the end of the current header or payload.
  [[nodiscard]] std::size_t wanted() const { return session().wanted(); }

  /// Appends frames that can be sent now, about `mux_write_size` bytes; `out` must be empty.
  void fill(byte_buffer& out) {
    use_session([&] {
      while (out.size() < mux_write_size) {
        session().transmit(out);
        const auto next = session().next_sender();
        if (!next) return;
        if (const flow_pointer from = flows().find(*next)) {
          append_data(*from, out);
        } else {
          session().set_wish(*next, mux::wish::nothing);
        }
      }
    });
  }

  /// Does what is due at `at`.
  void poll(time_point at) {
    use_session([&] {
      if (const auto polled = session().poll(at); !polled) return end(polled.error());
      flows().sweep(at, [this](mux::stream_id id) { session().reset(id); });
    });
  }
  /// Returns when `poll` must be called.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (has_ended()) return std::nullopt;
    const auto of_session = session().deadline();
    const auto of_flows = flows().deadline();
    if (!of_session || !of_flows) return of_session ? of_session : of_flows;
    return std::min(of_session, of_flows);
  }

  /// Returns whether there is something to send, or the last stream has ended.
  [[nodiscard]] bool has_work() {
    return !is_broken() && (session().has_output() || session().next_sender() || is_finished());
  }
  /// Returns whether one side has announced that it goes away, and no stream is left.
  [[nodiscard]] bool is_finished() const { return session().is_finished(); }
  /// Returns whether one side has announced that it goes away, and no stream has anything to send or
  /// receive. Some may have unread bytes.
  [[nodiscard]] bool is_complete() const { return is_going_away() && flows().are_over(); }

 private:
  /// Called for a stream that the peer has opened; returns false to refuse it.
  virtual bool opened(const flow_pointer& flow) = 0;
  /// Called when the peer has acknowledged a stream by a frame without bytes.
  virtual void acknowledged() = 0;

  void on(const mux::stream_opened& event, time_point) {
    const flow_pointer added = add(event.id);
    if (!added) return;
    bool is_wanted = false;
    try {
      is_wanted = opened(added);
    } catch (const std::bad_alloc&) {
      // What held the stream has released it, perhaps in order: the reset comes first.
    }
    if (is_wanted) return;
    leave(*added);
    reset(event.id);
  }

  void on(const mux::stream_acknowledged&, time_point) { acknowledged(); }

  void on(const mux::stream_data& event, time_point at) {
    const flow_pointer to = flows().find(event.id);
    if (!to) return session().consumed(event.id, event.bytes.size(), at);
    // Nobody can read these bytes, so the peer must not believe that they arrived.
    if (!to->is_open && !event.bytes.empty()) return reset(event.id);
    byte_view rest = event.bytes;
    if (to->handler && to->received.empty()) {
      const std::size_t taken = to->handler->receive(rest, event.are_last);
      session().consumed(event.id, taken, at);
      if (!to->is_open) return;
      rest = rest.subspan(taken);
    }
    try {
      to->received.append(rest);
    } catch (const std::bad_alloc&) {
      to->received.clear();
      to->fail(out_of_memory());
      return reset(event.id);
    }
    to->peer_has_ended = event.are_last;
    to->readable.notify();
    if (to->handler) to->handler->state_changed();
    forget_if_done(*to);
  }

  void on(const mux::stream_reset& event, time_point) {
    const flow_pointer gone = flows().find(event.id);
    if (!gone) return;
    flows().remove(event.id);
    gone->received.clear();
    gone->peer_has_ended = false;
    gone->fail(std::make_error_code(std::errc::connection_reset));
  }

  void on(const mux::peer_going_away&, time_point) { set_going_away(); }

  /// Appends a Data frame of the stream whose turn it is.
  void append_data(mux_flow& from, byte_buffer& out) {
    const std::size_t most = session().sendable(from.id);
    std::size_t count = std::min(most, from.unsent());
    mux_flow_handler* const handler = from.is_ending || count == most ? nullptr : from.handler;
    // A header without its payload would be followed by the bytes of other streams.
    const byte_span room = out.prepare(mux::header_size + (handler ? most : count));
    const byte_span payload = room.subspan(mux::header_size);
    from.take_unsent(payload.first(count));
    if (handler) count += handler->fill(payload.subspan(count));
    const bool are_last = from.is_ending && from.unsent() == 0;
    if (count > 0 || are_last) {
      const auto header =
          session().begin_data(from.id, static_cast<std::uint32_t>(count), are_last);
      std::ranges::copy(header, room.begin());
      out.commit(mux::header_size + count);
      from.has_sent_end = are_last;
    }
    const bool has_more = from.unsent() > 0 || (from.handler && count == most);
    if (!has_more && !are_last) session().set_wish(from.id, mux::wish::nothing);
    if (handler) handler->filled();
    forget_if_done(from);
  }
};

}  // namespace rathole::io
