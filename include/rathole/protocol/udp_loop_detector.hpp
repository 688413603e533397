#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::protocol {

/// The time for which a UDP service counts as one that leads back to itself after a datagram proved
/// it, and the shortest time between two reports.
inline constexpr duration udp_loop_memory = std::chrono::seconds(60);

/// Remembers the first datagram and the latest datagrams that one socket sent to a local service.
/// One thread calls `note`; `has_sent` may be called on any thread.
class sent_datagrams {
 public:
  /// The number of the latest datagrams that are remembered.
  static constexpr std::size_t remembered = 16;

  /// Makes the memory of a socket to which the visitors of the services in `path` led, its own
  /// service last.
  explicit sent_datagrams(std::vector<const void*> path) : path_(std::move(path)) {}

  /// Records that the socket is about to send `payload`.
  void note(byte_view payload) {
    const std::uint64_t made = mark(payload);
    if (count_ == 0) first_ = made;
    latest_[count_++ % remembered] = made;
  }

  /// Returns whether the socket sent a datagram of the size of `payload` with the same first 64
  /// bytes, as far as it is remembered. Different datagrams are mistaken for each other with a
  /// chance of about 1 in 2^63.
  [[nodiscard]] bool has_sent(byte_view payload) const {
    const std::uint64_t wanted = mark(payload);
    return first_ == wanted ||
           std::ranges::any_of(latest_, [&](const auto& each) { return each == wanted; });
  }

  /// Returns the services whose visitors led to the socket, its own service last.
  [[nodiscard]] const std::vector<const void*>& path() const { return path_; }

 private:
  /// Returns a hash of the first 64 bytes and the size; never 0, which stands for nothing.
  static std::uint64_t mark(byte_view payload) {
    const byte_view head = payload.first(std::min<std::size_t>(payload.size(), 64));
    const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
    const std::uint64_t made = std::hash<std::string_view>{}(text);
    return (made ^ payload.size() * 0x9e3779b97f4a7c15U) | 1;
  }

  const std::vector<const void*> path_;
  std::atomic<std::uint64_t> first_ = 0;
  std::array<std::atomic<std::uint64_t>, remembered> latest_{};
  std::size_t count_ = 0;
};

/// Detects that a UDP service leads back to itself: that datagrams which the client sent to its
/// local service return as datagrams of visitors. It is not enough that a visitor's address is that
/// of one of the client's sockets, because a visitor in another network may have the same address;
/// the socket must also have sent the datagram. Two services of a client that lead into each other
/// are detected; a service that leads to another service only is not affected. Pure bookkeeping.
class udp_loop_detector {
 public:
  /// Makes a detector for the service that `service` identifies.
  explicit udp_loop_detector(const void* service) : service_(service) {}

  /// Returns whether a datagram of a new visitor passed through this service before, so that it
  /// must be dropped, and counts it then. `own` is what the client's socket with the visitor's
  /// address has sent; null if there is no such socket.
  bool has_come_back(const sent_datagrams* own, byte_view payload, time_point now) {
    if (!own || std::ranges::find(own->path(), service_) == own->path().end()) return false;
    if (own->has_sent(payload)) believed_until_ = now + udp_loop_memory;
    if (now >= believed_until_) return false;
    ++dropped_;
    return true;
  }

  /// Returns the services that lead to the socket of a new visitor: those that lead to the visitor,
  /// if it is itself a socket of the client, and this one.
  [[nodiscard]] std::vector<const void*> path(const sent_datagrams* own, byte_view payload) const {
    std::vector<const void*> out;
    if (own && own->has_sent(payload)) out = own->path();
    out.push_back(service_);
    return out;
  }

  /// Returns how many datagrams were dropped since the last report, if a report is due.
  std::optional<std::uint64_t> take_report(time_point now) {
    if (dropped_ == 0 || now < report_due_) return std::nullopt;
    report_due_ = now + udp_loop_memory;
    return std::exchange(dropped_, 0);
  }

 private:
  const void* service_;
  time_point believed_until_ = time_point::min();
  time_point report_due_ = time_point::min();
  std::uint64_t dropped_ = 0;
};

}  // namespace rathole::protocol
