#pragma once

#include <rathole/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

namespace rathole::client_side {

/// The most datagrams of one visitor that wait for the socket to the local service. All visitors
/// of a service together may also use at most `udp.queue_size` bytes for them.
inline constexpr std::size_t max_unsent_datagrams = 64;

/// The datagrams of one visitor that wait for its socket. Their bytes are counted in a total for
/// all visitors of the service until they are cleared.
class unsent_datagrams {
 public:
  /// Makes an empty list that counts its bytes in `total`, which must outlive it.
  explicit unsent_datagrams(std::size_t& total) : total_(total) {}
  unsent_datagrams(const unsent_datagrams&) = delete;
  unsent_datagrams& operator=(const unsent_datagrams&) = delete;

  /// Adds a copy of `payload`. Returns false, and the datagram is lost, if the total would exceed
  /// `limit` bytes, if the visitor has `max_unsent_datagrams`, or if memory runs out.
  bool add(byte_view payload, std::size_t limit) {
    const bool has_room =
        total_ + payload.size() <= limit && payloads_.size() < max_unsent_datagrams;
    if (!has_room) return false;
    try {
      payloads_.emplace_back(payload.begin(), payload.end());
    } catch (const std::bad_alloc&) {
      return false;
    }
    total_ += payload.size();
    return true;
  }

  /// Returns the number of datagrams.
  [[nodiscard]] std::size_t size() const { return payloads_.size(); }
  /// Returns the payloads, in the order of their arrival.
  [[nodiscard]] std::span<const std::vector<std::uint8_t>> payloads() const { return payloads_; }

  /// Drops all datagrams.
  void clear() {
    for (const auto& payload : payloads_) total_ -= payload.size();
    payloads_ = {};
  }

 private:
  std::size_t& total_;
  std::vector<std::vector<std::uint8_t>> payloads_;
};

}  // namespace rathole::client_side
