#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <chrono>

namespace rathole {

/// The only clock of the library. Protocol code never reads it: time is always an argument, and
/// in `sim::world` it comes from a virtual clock.
using clock = std::chrono::steady_clock;
/// A point in time of `clock`.
using time_point = clock::time_point;
/// A difference of two points in time of `clock`.
using duration = clock::duration;

}  // namespace rathole
