#pragma once

#include <rathole/core/bytes.hpp>

#include <cstddef>

namespace rathole::io {

/// Carries the bytes of one stream of a multiplexed connection in the place of its read and write
/// operations, so that they need not be stored: the connection passes on what arrives, and asks for
/// what is to be sent when it is the stream's turn. It is installed as `mux_flow::handler`. All
/// functions are called on the thread of the connection.
class mux_flow_handler {
 public:
  /// Makes a handler that is not installed yet.
  mux_flow_handler() = default;
  mux_flow_handler(const mux_flow_handler&) = delete;
  mux_flow_handler& operator=(const mux_flow_handler&) = delete;

  /// Takes bytes that have arrived, from the front of `in`; returns how many. The rest is appended to
  /// `mux_flow::received`, and no more are passed while there are bytes. `are_last` says that the
  /// peer's direction ends after them; `state_changed` follows. May close or reset the stream.
  virtual std::size_t receive(byte_view in, bool are_last) = 0;

  /// Called when `mux_flow::received`, `peer_has_ended` or `error` has changed. May close or reset
  /// the stream.
  virtual void state_changed() = 0;

  /// Stores bytes to be sent at the front of `out`, which is not empty; returns how many. If they do
  /// not fill `out`, the stream has no further turn until `mux_flows::request_turn`. Sets
  /// `mux_flow::is_ending` to end our direction after them. Must not use the stream otherwise.
  virtual std::size_t fill(byte_span out) = 0;

  /// Called after each `fill`, once the stream may be used again.
  virtual void filled() = 0;

 protected:
  /// Not for deletion by this type.
  ~mux_flow_handler() = default;
};

}  // namespace rathole::io
