#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/io/shared_buffer.hpp>

namespace rathole::io {

/// What the layered relays of a thread work in; models `Workspace`.
struct layer_scratch {
  /// What was read from a socket.
  byte_buffer read;
  /// What a layer has decoded.
  byte_buffer app;
  /// What a layer wants sent.
  byte_buffer wire;

  [[nodiscard]] bool empty() const { return read.empty() && app.empty() && wire.empty(); }
  void clear() {
    for (byte_buffer* each : {&read, &app, &wire}) each->clear();
  }
  void wipe() {
    for (byte_buffer* each : {&read, &app, &wire}) each->wipe();
  }
};

using shared_scratch = shared_buffer<layer_scratch>;

}  // namespace rathole::io
