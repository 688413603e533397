#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/flow_table.hpp>
#include <rathole/io/mux/limits.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/task.hpp>
#include <rathole/mux/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::io {

/// The streams of a multiplexed connection: connects a `mux::session` with the buffers and the
/// operations of the streams. The connection, which reads and writes, derives from it. All functions
/// must be called on the thread of its executor.
///
/// If memory runs out for the bytes of one stream, that stream is reset. If it runs out in the
/// session, whose state is then unknown, the connection ends.
class mux_flows {
 public:
  /// A stream.
  using flow_pointer = mux_flow_table::pointer;

  mux_flows(const mux_flows&) = delete;
  mux_flows& operator=(const mux_flows&) = delete;
  /// Destroys the streams, which no operation uses any more.
  virtual ~mux_flows() = default;

  /// Moves bytes that have arrived, of which there must be some, to `out`; returns how many.
  std::size_t take(mux_flow& from, byte_span out) {
    const std::size_t count = from.take(out);
    use_session([&] { session_.consumed(from.id, count, now()); });
    forget_if_done(from);
    changed();
    return count;
  }

  /// Sends what waits in a stream, and its end if it is ending.
  void send(mux_flow& from) {
    if (from.error || has_ended_) return;
    const bool has_bytes = from.unsent() > 0;
    const mux::wish what = has_bytes ? mux::wish::bytes : mux::wish::end;
    if (has_bytes || from.is_ending) use_session([&] { session_.set_wish(from.id, what); });
    changed();
  }

  /// Ends both directions of a stream in order. Bytes that nobody has read are lost, so the peer is
  /// then notified by a reset (RFC 1122, section 4.2.2.13, for TCP).
  void close(mux_flow& which) {
    if (!which.is_open) return;
    if (which.resets_on_close || !which.received.empty()) return abort(which);
    leave(which);
    flows_.closed(which, now());
    which.is_ending = true;
    if (!which.has_sent_end) send(which);
    changed();
  }

  /// Resets a stream.
  void abort(mux_flow& which) {
    if (!which.is_open) return;
    leave(which);
    which.received.clear();
    if (which.error || has_ended_) return;
    reset(which.id);
    changed();
  }

  /// Returns the executor of all streams.
  [[nodiscard]] const executor& get_executor() const { return executor_; }
  /// Returns the address of the peer of the connection.
  [[nodiscard]] const address& peer() const { return peer_; }
  /// Counts an operation that may complete without waiting; see `turn_budget::is_spent`.
  [[nodiscard]] bool budget_is_spent() { return turns_.is_spent(); }
  /// Returns how many streams have not ended, including those that were closed from this side while
  /// the peer has not ended its direction.
  [[nodiscard]] std::size_t streams() const { return session_.streams(); }

 protected:
  /// Makes the streams of a connection to `peer` on `ex`; for the others see `mux::session`.
  mux_flows(const executor& ex, address peer, mux::role side, const mux::settings& own,
            const mux::parameters& allowed, time_point now)
      : executor_(ex),
        peer_(std::move(peer)),
        turns_(turn_budget::of(ex)),
        session_(side, own, allowed, now) {
    prepare_thread_check(ex);
  }

  /// Opens a stream; fails as `mux::session::open` does, and with the reason of the end.
  result<flow_pointer> open_flow() {
    if (has_ended_) return failure(reason_ ? reason_ : make_error_code(mux::mux_errc::going_away));
    result<flow_pointer> opened = failure(out_of_memory());
    use_session([&] {
      const auto id = session_.open(now());
      if (!id) {
        opened = failure(id.error());
        is_going_away_ = is_going_away_ || id.error() != errc::limit_reached;
      } else if (flow_pointer added = add(*id)) {
        opened = std::move(added);
      }
    });
    changed();
    return opened;
  }

  /// Takes bytes of the connection.
  void receive(byte_view in, time_point at) {
    use_session([&] {
      while (!has_ended_) {
        const auto seen = session_.receive(in, at);
        if (!seen) return end(seen.error());
        if (!*seen) return;
        std::visit([this, at](const auto& each) { on(each, at); }, **seen);
      }
    });
  }

  /// Returns how many bytes are missing until the end of the current header or payload.
  [[nodiscard]] std::size_t wanted() const { return session_.wanted(); }

  /// Appends frames that can be sent now, about `mux_write_size` bytes; `out` must be empty.
  void fill(byte_buffer& out) {
    use_session([&] {
      while (out.size() < mux_write_size) {
        session_.transmit(out);
        const auto next = session_.next_sender();
        if (!next) return;
        if (const flow_pointer from = flows_.find(*next)) {
          append_data(*from, out);
        } else {
          session_.set_wish(*next, mux::wish::nothing);
        }
      }
    });
  }

  /// Does what is due at `at`.
  void poll(time_point at) {
    use_session([&] {
      if (const auto polled = session_.poll(at); !polled) return end(polled.error());
      flows_.sweep(at, [this](mux::stream_id id) { session_.reset(id); });
    });
    changed();
  }
  /// Returns when `poll` must be called.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (has_ended_) return std::nullopt;
    const auto of_session = session_.deadline();
    const auto of_flows = flows_.deadline();
    if (!of_session || !of_flows) return of_session ? of_session : of_flows;
    return std::min(of_session, of_flows);
  }

  /// Returns whether there is something to send, or the last stream has ended.
  [[nodiscard]] bool has_work() {
    return !is_broken_ && (session_.has_output() || session_.next_sender() || is_finished());
  }
  /// Returns whether one side has announced that it goes away, and no stream is left.
  [[nodiscard]] bool is_finished() const { return session_.is_finished(); }
  /// Returns whether one side has announced that it goes away, and no stream has anything to send or
  /// receive. Some may have unread bytes.
  [[nodiscard]] bool is_complete() const { return is_going_away_ && flows_.are_over(); }
  /// Returns whether a stream may be opened, as far as its number does not matter.
  [[nodiscard]] bool may_open() const { return !has_ended_ && !is_going_away_; }

  /// Announces that no further stream is accepted.
  void begin_go_away() {
    is_going_away_ = true;
    use_session([&] { session_.go_away(); });
    changed();
  }

  /// Resets all open streams, and ends the connection with `errc::stopped`.
  void reset_all() {
    if (has_ended_) return;
    use_session([&] {
      flows_.for_each_open([this](const mux_flow& each) { session_.reset(each.id); });
      session_.go_away();
    });
    end(errc::stopped);
  }

  /// Sets which bounds apply to the peer; see `mux::session`.
  void set_authenticated(bool on) {
    is_authenticated_ = on;
    on ? session_.authenticated() : session_.unauthenticated();
  }
  /// Returns which bounds apply to the peer.
  [[nodiscard]] bool is_authenticated() const { return is_authenticated_; }

  /// Ends the connection because of `reason`, no error for an orderly end. Open streams fail, but
  /// one whose peer has ended its direction can be read to its end. Streams that were closed in order
  /// may still send what they have.
  void end(std::error_code reason) {
    if (has_ended_) return;
    has_ended_ = true;
    reason_ = reason;
    flows_.fail_open(reason ? reason : make_error_code(errc::end_of_stream));
    ended();
  }
  /// Returns whether the connection has ended.
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// Returns whether the session must not be used any more.
  [[nodiscard]] bool is_broken() const { return is_broken_; }
  /// Returns why the connection has ended; no error if it ended in order.
  [[nodiscard]] std::error_code reason() const { return reason_; }

 private:
  /// Returns the time.
  virtual time_point now() = 0;
  /// Called when there may be something to send, or another deadline.
  virtual void changed() = 0;
  /// Called when the connection has ended.
  virtual void ended() = 0;
  /// Called for a stream that the peer has opened; returns false to refuse it.
  virtual bool opened(const flow_pointer& flow) = 0;

  template <class F>
  void use_session(F work) {
    check_thread(executor_);
    if (is_broken_) return;
    try {
      work();
    } catch (const std::bad_alloc&) {
      is_broken_ = true;
      end(out_of_memory());
    }
  }

  /// Adds a stream of the session; resets it and returns null if memory runs out.
  flow_pointer add(mux::stream_id id) {
    try {
      return flows_.add(id, executor_);
    } catch (const std::bad_alloc&) {
      session_.reset(id);
      return nullptr;
    }
  }

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

  void on(const mux::stream_data& event, time_point at) {
    const flow_pointer to = flows_.find(event.id);
    if (!to) return session_.consumed(event.id, event.bytes.size(), at);
    // Nobody can read these bytes, so the peer must not believe that they arrived.
    if (!to->is_open && !event.bytes.empty()) return reset(event.id);
    try {
      to->received.append(event.bytes);
    } catch (const std::bad_alloc&) {
      to->received.clear();
      to->fail(out_of_memory());
      return reset(event.id);
    }
    to->peer_has_ended = event.are_last;
    to->readable.notify();
    forget_if_done(*to);
  }

  void on(const mux::stream_reset& event, time_point) {
    const flow_pointer gone = flows_.find(event.id);
    if (!gone) return;
    flows_.remove(event.id);
    gone->received.clear();
    gone->peer_has_ended = false;
    gone->fail(std::make_error_code(std::errc::connection_reset));
  }

  void on(const mux::peer_going_away&, time_point) { is_going_away_ = true; }

  /// Appends a Data frame of the stream whose turn it is.
  void append_data(mux_flow& from, byte_buffer& out) {
    const std::size_t count = std::min<std::size_t>(session_.sendable(from.id), from.unsent());
    const bool are_last = from.is_ending && count == from.unsent();
    if (count == 0 && !are_last) return session_.set_wish(from.id, mux::wish::nothing);
    // A header without its payload would be followed by the bytes of other streams.
    const byte_span room = out.prepare(mux::header_size + count);
    const auto header = session_.begin_data(from.id, static_cast<std::uint32_t>(count), are_last);
    std::ranges::copy(header, room.begin());
    from.take_unsent(room.subspan(header.size()));
    out.commit(room.size());
    from.has_sent_end = are_last;
    forget_if_done(from);
    if (from.unsent() == 0 && !are_last) session_.set_wish(from.id, mux::wish::nothing);
  }

  /// Closes a stream for its owner: running operations fail with `errc::stopped`.
  static void leave(mux_flow& which) {
    which.is_open = false;
    which.outgoing = {};
    which.wake();
  }

  void reset(mux::stream_id id) {
    flows_.remove(id);
    use_session([&] { session_.reset(id); });
  }

  void forget_if_done(const mux_flow& which) {
    if (which.is_done()) flows_.remove(which.id);
  }

  executor executor_;
  address peer_;
  turn_budget& turns_;
  mux::session session_;
  mux_flow_table flows_;
  std::error_code reason_;
  bool is_authenticated_ = false;
  bool is_going_away_ = false;
  bool has_ended_ = false;
  bool is_broken_ = false;
};

}  // namespace rathole::io
