#pragma once

#include <rathole/io/stream/shared_stream.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// Takes the visitors of a service that the program itself serves, in place of a `local_addr`. It
/// lives on the control plane, where its functions are called, and must be held by `shared_ptr`.
class stream_receiver {
 public:
  /// Makes a receiver.
  stream_receiver() = default;
  stream_receiver(const stream_receiver&) = delete;
  stream_receiver& operator=(const stream_receiver&) = delete;
  /// Destroys the receiver.
  virtual ~stream_receiver() = default;

  /// Returns whether one more data channel may be dialled while `channels` of the service, to the same
  /// server, dial or wait for a visitor. If not, `has_room_again` is called once one may.
  [[nodiscard]] virtual bool has_room(std::size_t channels) const = 0;

  /// Takes the data channel of a visitor that has just arrived, or aborts the channel. It is closed
  /// at the latest when the last pointer to it is dropped.
  virtual void visitor_arrived(std::shared_ptr<io::shared_stream> visitor) = 0;

  /// Records that the connection of a visitor that arrived is closed.
  virtual void visitor_ended(const io::shared_stream& visitor) = 0;

  /// Records that no more visitors will arrive, because of `reason`.
  virtual void close(std::error_code reason) = 0;

  /// Adds what to call when a data channel may be dialled that could not be before. There is one
  /// `owner` for each server, and for some time those that they replace.
  void on_room(const void* owner, std::function<void()> dial) {
    dials_.emplace_back(owner, std::move(dial));
  }
  /// Forgets what `owner` has added.
  void forget_room(const void* owner) {
    std::erase_if(dials_, [owner](const auto& each) { return each.first == owner; });
  }

 protected:
  /// Lets the data channels be dialled for which there was no room.
  void has_room_again() {
    for (const auto& [owner, dial] : dials_) dial();
  }

 private:
  std::vector<std::pair<const void*, std::function<void()>>> dials_;
};

}  // namespace rathole::client_side
