#pragma once

#include <rathole/io/relay/status.hpp>
#include <rathole/io/run/stop_action.hpp>

namespace rathole::io {

/// What ends a relay: the stops of a `drain_stops`, and requests from any thread.
using relay_stop = basic_stop_action<2>;

/// A relay that runs, for those who watch it.
struct running_relay {
  /// What it has carried; its thread changes them.
  const relay_status& counts;
  /// What ends it.
  relay_stop& stop;
};

}  // namespace rathole::io
