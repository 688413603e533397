#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/socket/options.hpp>
#include <rathole/sim/link.hpp>
#include <rathole/sim/own_memory.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::sim {

/// One of the two ends of a connection.
enum class side : std::size_t {
  /// The end that dialled.
  dialling,
  /// The end that was accepted.
  accepting
};

/// Returns the other end.
constexpr side other(side which) {
  return which == side::dialling ? side::accepting : side::dialling;
}

/// Simulates a TCP connection as far as programs can observe it (RFC 9293): two independent
/// directions, a window for each, orderly ends and resets. Both streams and the packets under way
/// own it.
class connection final : public link_user, public std::enable_shared_from_this<connection> {
 public:
  /// The state of one end.
  struct end {
    /// Makes the end of a host whose operations `counted` counts.
    end(io::executor ex, operation_counter& counted)
        : executor(ex), readable(ex), writable(ex), operations(&counted) {}

    /// The executor of the host.
    io::executor executor;
    /// The address of the other end.
    address peer;
    /// The bytes that have arrived and not been read.
    byte_buffer inbound;
    /// Notified when reading may succeed.
    io::event readable;
    /// Notified when writing may succeed.
    io::event writable;
    /// Counts the operations of the host.
    operation_counter* operations;
    /// Counts the streams that the host has open to the other one.
    std::size_t* held = nullptr;
    /// Why the connection is broken for this end.
    std::error_code error;
    /// How many bytes were sent and not read by the other end.
    std::size_t outstanding = 0;
    /// How many waits for input were cancelled.
    std::uint64_t waits_cancelled = 0;
    /// How long the peer may be unreachable until keepalive ends the connection; zero means no
    /// limit.
    duration silence_limit = duration::zero();
    /// When the latest packet from this end arrives.
    time_point latest_packet;
    /// Whether the connection is established.
    bool established = false;
    /// Whether the stream is open.
    bool open = true;
    /// Whether this end may still send.
    bool sending = true;
    /// Whether the peer's direction has ended.
    bool inbound_ended = false;
  };

  /// Makes a connection over the link `over` between two hosts, given by their executors and the
  /// counts of their operations.
  connection(scheduler& when, link& over, std::pair<io::executor, operation_counter*> dialler,
             std::pair<io::executor, operation_counter*> acceptor)
      : scheduler_(&when),
        link_(&over),
        ends_{end(dialler.first, *dialler.second), end(acceptor.first, *acceptor.second)},
        membership_(over.join(*this)) {}
  /// Leaves the link.
  ~connection() { link_->leave(membership_); }

  /// Returns the state of one end.
  end& at(side which) { return ends_[static_cast<std::size_t>(which)]; }

  /// Sends a packet from `from`, and calls `action` with the connection when it arrives at the
  /// other end.
  template <class Action>
  void carry(side from, Action action) {
    const own_memory here;
    link_->send(&at(from).latest_packet,
                [self = shared_from_this(), action = std::move(action)]() mutable {
                  if (!self->lost_) action(*self);
                });
  }

  /// Returns how many bytes `from` may write now.
  std::size_t room(side from) {
    const std::size_t window = link_->conditions.window;
    return window - std::min(window, at(from).outstanding);
  }

  /// Sends `data`, which has at most `room()` bytes.
  void send(side from, byte_view data) {
    const own_memory here;
    at(from).outstanding += data.size();
    carry(from, [from, packet = std::vector<std::uint8_t>(data.begin(), data.end())](
                    connection& self) { self.receive(other(from), packet); });
  }

  /// Reads bytes that have arrived, of which there must be some, and opens the sender's window.
  /// Returns how many.
  std::size_t take(side to, byte_span out) {
    const own_memory here;
    end& me = at(to);
    const std::size_t count = link_->read_size(std::min(out.size(), me.inbound.size()));
    const byte_view data = me.inbound.data().first(count);
    std::copy(data.begin(), data.end(), out.begin());
    me.inbound.consume(count);
    carry(to, [to, count](connection& self) {
      end& sender = self.at(other(to));
      sender.outstanding -= count;
      sender.writable.notify();
    });
    return count;
  }

  /// Ends the direction from `from`.
  void finish(side from) {
    if (!std::exchange(at(from).sending, false)) return;
    carry(from, [from](connection& self) {
      end& peer = self.at(other(from));
      peer.inbound_ended = true;
      peer.readable.notify();
    });
  }

  /// Closes the end. What was sent still arrives, unless received bytes are unread; TCP then sends
  /// a reset (RFC 1122 section 4.2.2.13).
  void close(side which) {
    end& me = at(which);
    if (!me.open) return;
    if (!me.error) {
      if (me.inbound.empty()) {
        finish(which);
      } else {
        reset(which);
      }
    }
    leave(which);
  }

  /// Closes the end with a reset.
  void abort(side which) {
    if (!at(which).open) return;
    reset(which);
    leave(which);
  }

  /// Marks the connection as broken for this end.
  void fail(side which, std::error_code ec) {
    end& me = at(which);
    if (me.error) return;
    me.error = ec;
    me.readable.notify();
    me.writable.notify();
  }

  /// Counts one operation of `which`. If it is the one that must fail, breaks the connection and
  /// returns the error.
  std::error_code begin_operation(side which) {
    const std::error_code ec = at(which).operations->tick();
    if (ec) {
      fail(which, ec);
      reset(which);
    }
    return ec;
  }

  /// Applies keepalive as Linux does (tcp(7)): nine unanswered probes end the connection, or the
  /// first one after TCP_USER_TIMEOUT.
  void apply(side which, const io::socket_options& options) {
    if (options.keepalive_idle.count() == 0) return;
    constexpr int max_probes = 9;
    constexpr std::chrono::seconds usual_interval{75};
    const bool given = options.keepalive_interval.count() > 0;
    const duration interval = given ? options.keepalive_interval : usual_interval;
    const auto user_timeout = options.user_timeout.value_or(std::chrono::milliseconds(0));
    duration& limit = at(which).silence_limit;
    limit = options.keepalive_idle;
    for (int probe = 1; probe <= max_probes; ++probe) {
      limit += interval;
      if (user_timeout.count() > 0 && limit >= user_timeout) break;
    }
  }

  /// Breaks the connection at both ends; see `link_user`.
  void lose() override {
    lost_ = true;
    fail(side::dialling, system_error(std::errc::connection_reset));
    fail(side::accepting, system_error(std::errc::connection_reset));
  }

  /// Starts the keepalive timers; see `link_user`.
  void fall_silent(std::function<bool()> stays_so) override {
    for (const side which : {side::dialling, side::accepting}) {
      const duration limit = at(which).silence_limit;
      if (limit == duration::zero()) continue;
      scheduler_->call_at(scheduler_->now() + limit, [weak = weak_from_this(), which, stays_so] {
        const auto self = weak.lock();
        if (self && stays_so()) self->fail(which, system_error(std::errc::timed_out));
      });
    }
  }

 private:
  void receive(side to, const std::vector<std::uint8_t>& packet) {
    end& me = at(to);
    if (me.open && !me.error) {
      me.inbound.append(packet);
      me.readable.notify();
    } else {
      reset(to);
    }
  }

  void reset(side from) {
    at(from).sending = false;
    carry(from, [from](connection& self) {
      self.fail(other(from), system_error(std::errc::connection_reset));
    });
  }

  void leave(side which) {
    end& me = at(which);
    me.open = false;
    me.inbound.clear();
    me.readable.notify();
    me.writable.notify();
  }

  scheduler* scheduler_;
  link* link_;
  bool lost_ = false;
  std::array<end, 2> ends_;
  std::uint64_t membership_;
};

}  // namespace rathole::sim
