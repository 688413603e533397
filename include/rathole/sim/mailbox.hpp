#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/udp_endpoint.hpp>
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
  udp_endpoint from;
  std::vector<std::uint8_t> payload;
};

/// What a simulated UDP socket has bound, and the datagrams that wait there.
struct mailbox : std::enable_shared_from_this<mailbox> {
  /// Datagrams that wait at most.
  static constexpr std::size_t room = 1024;
  using port_map = std::map<std::uint16_t, mailbox*>;

  mailbox(io::executor ex, address at, const udp_endpoint& seen_as, port_map& among,
          operation_clock& counted)
      : executor(ex),
        local(std::move(at)),
        endpoint(seen_as),
        operations(&counted),
        ports_(&among) {
    ports_->emplace(endpoint.port, this);
  }
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox() { close(); }

  /// A datagram has come.
  void deliver(packet what) {
    if (!open || waiting.size() >= room) return;
    waiting.push_back(std::move(what));
    wake();
  }

  void watch(std::move_only_function<void()> readable) {
    readable_ = std::move(readable);
    watched_ = true;
    wake();
  }
  void unwatch() { watched_ = false; }

  void close() {
    if (!std::exchange(open, false)) return;
    ports_->erase(endpoint.port);
    watched_ = false;
    waiting.clear();
  }

  io::executor executor;
  address local;
  /// Where its datagrams come from, for others.
  udp_endpoint endpoint;
  std::deque<packet> waiting;
  operation_clock* operations;
  bool open = true;

 private:
  /// Calls back once for all that has come until then, and again while something is left.
  void wake() {
    if (!watched_ || waiting.empty() || calling_) return;
    const own_memory here;
    calling_ = true;
    asio::post(executor, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->calling_ = false;
      if (!self->watched_ || self->waiting.empty()) return;
      // Also where memory runs out in the call: what was not received is still there.
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
