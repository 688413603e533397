#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/sim/faults.hpp>
#include <rathole/sim/stream.hpp>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A listening port with the connections that wait to be accepted there. The queue is unbounded.
struct listener {
  /// Makes a listener without acceptors at `at`.
  listener(io::executor ex, address at, operation_counter& counted)
      : executor(ex), local(std::move(at)), operations(&counted) {}

  /// Notifies all acceptors.
  void notify() {
    for (const auto& each : handles) each->notify();
  }

  /// The executor of the host.
  io::executor executor;
  /// The address.
  address local;
  /// The connections that wait to be accepted.
  std::deque<stream> waiting;
  /// The events of its open acceptors, each of which waits for its own.
  std::vector<std::shared_ptr<io::event>> handles;
  /// Counts the operations of the host.
  operation_counter* operations;
};

}  // namespace rathole::sim
