#pragma once

#include <rathole/core/language.hpp>

#include <chrono>

namespace rathole {

/// The one clock of the library. Protocol code never reads it: time is always an argument, and in
/// `sim::world` the values come from a virtual clock.
using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

}  // namespace rathole
