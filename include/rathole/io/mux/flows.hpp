#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/flow_table.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/task.hpp>
#include <rathole/mux/session.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The streams of a multiplexed connection, as far as their own operations go: connects a
/// `mux::session` with the streams. `mux_flow_driver`, which derives from it, does what the bytes of
/// the connection require. All functions must be called on the thread of its executor.
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

  /// Removes bytes that have arrived, and that the stream's handler has used.
  void consume(mux_flow& from, std::size_t count) {
    from.received.consume(count);
    use_session([&] { session_.consumed(from.id, count, now()); });
    forget_if_done(from);
    changed();
  }

  /// Requests a turn for a stream whose handler has something to send.
  void request_turn(mux_flow& from) {
    if (from.error || has_ended_) return;
    use_session([&] { session_.set_wish(from.id, mux::wish::bytes); });
    changed();
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
  /// Returns whether the peer allows no further stream now.
  [[nodiscard]] bool is_full() const { return session_.is_full(); }

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
    if (!on) return session_.unauthenticated();
    use_session([this] { session_.authenticated(); });
    changed();
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
  /// Records that the peer accepts no further streams.
  void set_going_away() { is_going_away_ = true; }
  /// Returns whether one side accepts no further streams.
  [[nodiscard]] bool is_going_away() const { return is_going_away_; }
  /// Returns the session; what changes it and allocates memory must be called in `use_session`.
  [[nodiscard]] mux::session& session() { return session_; }
  /// Returns the session.
  [[nodiscard]] const mux::session& session() const { return session_; }
  /// Returns the streams.
  [[nodiscard]] mux_flow_table& flows() { return flows_; }
  /// Returns the streams.
  [[nodiscard]] const mux_flow_table& flows() const { return flows_; }

  /// Calls `work()`, which uses the session, unless that is broken. If memory runs out, it is broken
  /// and the connection ends.
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

  /// Closes a stream for its owner: running operations fail with `errc::stopped`.
  static void leave(mux_flow& which) {
    which.is_open = false;
    which.handler = nullptr;
    which.outgoing = {};
    which.wake();
  }

  /// Resets a stream and forgets it.
  void reset(mux::stream_id id) {
    flows_.remove(id);
    use_session([&] { session_.reset(id); });
  }

  /// Forgets a stream that is done.
  void forget_if_done(const mux_flow& which) {
    if (which.is_done()) flows_.remove(which.id);
  }

 private:
  /// Returns the time.
  virtual time_point now() = 0;
  /// Called when there may be something to send, or another deadline.
  virtual void changed() = 0;
  /// Called when the connection has ended.
  virtual void ended() = 0;
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
