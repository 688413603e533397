#pragma once

#include <rathole/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

namespace rathole::client {

/// Datagrams of one visitor that wait for the socket towards the local service to be opened. Those of
/// all visitors of a service take `udp.queue_size` bytes at most.
inline constexpr std::size_t max_unsent_datagrams = 64;

/// The datagrams of one visitor that wait for its socket. Their bytes count in a sum for all visitors
/// of the service until they are cleared.
class unsent_datagrams {
 public:
  /// `total` is there as long as this is used.
  explicit unsent_datagrams(std::size_t& total) : total_(total) {}
  unsent_datagrams(const unsent_datagrams&) = delete;
  unsent_datagrams& operator=(const unsent_datagrams&) = delete;

  /// Keeps a copy of `payload`. False if `limit` bytes in all, the visitor's number of datagrams or the
  /// memory do not allow it; then it is lost.
  bool keep(byte_view payload, std::size_t limit) {
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

  [[nodiscard]] std::size_t size() const { return payloads_.size(); }
  [[nodiscard]] std::span<const std::vector<std::uint8_t>> payloads() const { return payloads_; }

  /// Drops them all.
  void clear() {
    for (const auto& payload : payloads_) total_ -= payload.size();
    payloads_ = {};
  }

 private:
  std::size_t& total_;
  std::vector<std::vector<std::uint8_t>> payloads_;
};

}  // namespace rathole::client
