#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/task.hpp>
#include <rathole/sim/faults.hpp>
#include <rathole/sim/own_memory.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A datagram on its way.
struct packet {
  /// The sender.
  ip_endpoint from;
  /// The payload.
  std::vector<std::uint8_t> payload;
};

/// The port of a simulated UDP socket and the datagrams that wait there.
struct mailbox : std::enable_shared_from_this<mailbox> {
  /// The largest number of waiting datagrams.
  static constexpr std::size_t room = 1024;
  /// A map from the bound ports of a host to their mailboxes.
  using port_map = std::map<std::uint16_t, mailbox*>;

  /// Binds the port of `seen_as` in `among`.
  mailbox(io::executor ex, address at, const ip_endpoint& seen_as, port_map& among,
          operation_counter& counted)
      : executor(ex),
        local(std::move(at)),
        endpoint(seen_as),
        operations(&counted),
        ports_(&among) {
    ports_->emplace(endpoint.port, this);
  }
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  /// Releases the port.
  ~mailbox() { close(); }

  /// Delivers a datagram; drops it if the socket is closed or there is no room.
  void deliver(packet what) {
    if (!open || waiting.size() >= room) return;
    waiting.push_back(std::move(what));
    wake();
  }

  /// Calls `readable` on the executor while datagrams wait.
  void watch(std::move_only_function<void()> readable) {
    readable_ = std::move(readable);
    watched_ = true;
    wake();
  }
  /// Ends the calls.
  void unwatch() { watched_ = false; }

  /// Releases the port and drops the datagrams.
  void close() {
    if (!std::exchange(open, false)) return;
    ports_->erase(endpoint.port);
    watched_ = false;
    waiting.clear();
  }

  /// The executor of the simulation.
  io::executor executor;
  /// The address that the socket is bound to.
  address local;
  /// The address from which its datagrams come, as others see it.
  ip_endpoint endpoint;
  /// The datagrams that have arrived.
  std::deque<packet> waiting;
  /// Counts the operations of the host.
  operation_counter* operations;
  /// Whether the socket is open.
  bool open = true;

 private:
  /// Calls back once for all datagrams that have arrived until then, and again while some are left.
  void wake() {
    if (!watched_ || waiting.empty() || calling_) return;
    const own_memory here;
    calling_ = true;
    asio::post(executor, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->calling_ = false;
      if (!self->watched_ || self->waiting.empty()) return;
      // The reader is woken again even if memory runs out in the call, as packets still wait.
      const waking again(*self);
      self->readable_();
    });
  }

  struct waking {
    explicit waking(mailbox& what) : of(what) {}
    waking(const waking&) = delete;
    waking& operator=(const waking&) = delete;
    ~waking() { of.wake(); }
    mailbox& of;
  };

  port_map* ports_;
  std::move_only_function<void()> readable_;
  bool watched_ = false;
  bool calling_ = false;
};

}  // namespace rathole::sim
