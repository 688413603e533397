#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <deque>
#include <new>

namespace rathole::embed::inline RATHOLE_ABI {

/// The most bytes that a UDP datagram over IPv4 carries.
inline constexpr std::size_t max_datagram_size = 65'507;

/// How many bytes a datagram that waits counts beside its payload, so that empty ones are bounded.
inline constexpr std::size_t datagram_overhead = 64;

/// Holds the datagrams that nobody has received yet, in the order of their arrival, up to a number
/// of bytes; pure bookkeeping. All their payloads share one buffer, so a datagram needs no memory of
/// its own.
class datagram_queue {
 public:
  /// Makes an empty queue for `limit` bytes, but at least for one datagram of `max_datagram_size`.
  /// Each datagram counts `datagram_overhead` bytes beside its payload.
  explicit datagram_queue(std::size_t limit)
      : limit_(std::max(limit, max_datagram_size + datagram_overhead)) {}

  /// Appends a copy of a datagram. Returns false, and changes nothing, if there is no room or no
  /// memory for it.
  bool push(const ip_endpoint& from, byte_view payload) {
    if (used() + datagram_overhead + payload.size() > limit_) return false;
    const std::size_t before = payloads_.size();
    try {
      payloads_.append(payload);
      entries_.push_back({from, payload.size()});
    } catch (const std::bad_alloc&) {
      payloads_.truncate(before);
      return false;
    }
    was_long_ = was_long_ || payloads_.size() > kept_memory;
    return true;
  }

  /// Returns whether no datagram waits.
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// Returns the sender of the first datagram; there must be one.
  [[nodiscard]] const ip_endpoint& sender() const {
    assert(!empty());
    return entries_.front().from;
  }
  /// Returns the payload of the first datagram, valid until the next change; there must be one.
  [[nodiscard]] byte_view payload() const {
    assert(!empty());
    return payloads_.data().first(entries_.front().size);
  }

  /// Removes the first datagram; there must be one.
  void pop() {
    payloads_.consume(payload().size());
    entries_.pop_front();
    if (empty() && was_long_) clear();
  }

  /// Removes all datagrams, and frees their memory.
  void clear() {
    entries_ = {};
    payloads_.free_memory();
    was_long_ = false;
  }

 private:
  struct entry {
    ip_endpoint from;
    std::size_t size;
  };

  /// How many bytes of memory an empty queue may keep.
  static constexpr std::size_t kept_memory = std::size_t{64} * 1024;

  [[nodiscard]] std::size_t used() const {
    return payloads_.size() + entries_.size() * datagram_overhead;
  }

  const std::size_t limit_;
  std::deque<entry> entries_;
  byte_buffer payloads_;
  /// Whether more than `kept_memory` bytes waited since the memory was freed.
  bool was_long_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
