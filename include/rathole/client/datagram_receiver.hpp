#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/protocol/messages.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

namespace rathole::client_side {

/// Sends datagrams to the visitors of a UDP service that the program itself serves. It lives on the
/// control plane's thread.
class datagram_sender {
 public:
  /// Queues a copy of `payload` for `visitor` on the data channel of its last datagram. `payload`
  /// has at most 65,535 bytes. Returns false if the datagram is lost, which the service counts: the
  /// visitor is not known, because it never sent anything or was idle for too long; there is no
  /// data channel; its queue is full; or memory has run out.
  virtual bool send(const ip_endpoint& visitor, byte_view payload) = 0;

  /// Returns whether `visitor` is remembered, so that `send` may succeed.
  [[nodiscard]] virtual bool knows(const ip_endpoint& visitor) = 0;

 protected:
  /// Destroys this part of a sender.
  ~datagram_sender() = default;
};

/// Receives the datagrams of the visitors of a UDP service that the program itself serves, one
/// whose settings say `in_process`. It lives on the control plane's thread.
class datagram_receiver {
 public:
  /// Destroys the object.
  virtual ~datagram_receiver() = default;

  /// Takes copies of the datagrams `frames`, which are valid only during the call. Returns how many
  /// it took; the others are lost, and counted as refused. `replies` sends to these visitors, also
  /// during the call. There is one such object for each server that holds the service, and another
  /// one once the service was restarted; it expires with the service.
  virtual std::size_t receive(std::span<const protocol::udp_frame> frames,
                              const std::shared_ptr<datagram_sender>& replies) = 0;

  /// Records that no more datagrams will arrive, because of `reason`.
  virtual void close(std::error_code reason) = 0;
};

}  // namespace rathole::client_side
