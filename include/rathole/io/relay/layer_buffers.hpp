#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/io/relay/thread_buffer.hpp>

namespace rathole::io {

/// The buffers in which the layered relays of a thread work; models `Workspace`.
struct layer_buffers {
  /// The bytes that were read from a socket.
  byte_buffer read;
  /// The bytes that a layer has decoded.
  byte_buffer app;
  /// The bytes that a layer has encoded.
  byte_buffer wire;

  /// Returns whether all buffers are empty.
  [[nodiscard]] bool empty() const { return read.empty() && app.empty() && wire.empty(); }
  /// Empties the buffers and keeps their memory.
  void clear() {
    for (byte_buffer* each : {&read, &app, &wire}) each->clear();
  }
  /// Empties the buffers and overwrites their content with zeros.
  void wipe() {
    for (byte_buffer* each : {&read, &app, &wire}) each->wipe();
  }
};

/// The buffers of a thread, which its layered relays use in turn.
using thread_layer_buffers = thread_buffer<layer_buffers>;

}  // namespace rathole::io
