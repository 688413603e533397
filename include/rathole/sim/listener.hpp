#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/event.hpp>
#include <rathole/sim/faults.hpp>
#include <rathole/sim/stream.hpp>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A listening port and the connections that wait to be accepted there. The queue has no bound.
struct listener {
  listener(io::executor ex, address at, operation_clock& counted)
      : executor(ex), local(std::move(at)), operations(&counted) {}

  void notify() {
    for (const auto& each : handles) each->notify();
  }

  io::executor executor;
  address local;
  std::deque<stream> waiting;
  /// What each acceptor of it that is open waits for.
  std::vector<std::shared_ptr<io::event>> handles;
  operation_clock* operations;
};

}  // namespace rathole::sim
