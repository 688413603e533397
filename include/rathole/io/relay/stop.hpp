#pragma once

#include <rathole/io/run/stop_action.hpp>

namespace rathole::io {

/// What ends a relay: the stops of a `drain_stops`, and requests from any thread.
using relay_stop = basic_stop_action<2>;

}  // namespace rathole::io
