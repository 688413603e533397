#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace rathole::test {

/// Returns the seed of a scenario: `usual`, unless RATHOLE_SIM_SEED names the one to replay.
inline std::uint64_t scenario_seed(std::uint64_t usual) {
  const char* given = std::getenv("RATHOLE_SIM_SEED");
  return given ? std::strtoull(given, nullptr, 10) : usual;
}

/// Returns whether one seed is replayed; then a failing scenario prints all its events.
inline bool replays_one_seed() { return std::getenv("RATHOLE_SIM_SEED") != nullptr; }

/// Returns `count` seeds from 1, unless RATHOLE_SIM_SEED names the one to replay, or
/// RATHOLE_SIM_SEEDS=A-B the first and the last.
inline std::vector<std::uint64_t> scenario_seeds(std::uint64_t count) {
  if (replays_one_seed()) return {scenario_seed(0)};
  std::uint64_t first = 1;
  std::uint64_t last = count;
  if (const char* range = std::getenv("RATHOLE_SIM_SEEDS")) {
    char* dash = nullptr;
    first = std::strtoull(range, &dash, 10);
    last = *dash == '-' ? std::strtoull(dash + 1, nullptr, 10) : first;
  }
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
  return seeds;
}

/// Returns how many virtual hours a long run lasts: `usual`, unless RATHOLE_SIM_HOURS says
/// otherwise.
inline std::uint64_t scenario_hours(std::uint64_t usual) {
  const char* given = std::getenv("RATHOLE_SIM_HOURS");
  return given ? std::strtoull(given, nullptr, 10) : usual;
}

/// Returns how many steps of a scenario a sweep takes at once: `usual`, unless RATHOLE_SIM_STRIDE
/// says otherwise (1: it stops at every step).
inline std::uint64_t scenario_stride(std::uint64_t usual) {
  const char* given = std::getenv("RATHOLE_SIM_STRIDE");
  return given ? std::strtoull(given, nullptr, 10) : usual;
}

/// Makes a failing check print how to replay its scenario.
#define REPLAYABLE(seed) INFO("replay with RATHOLE_SIM_SEED=" << (seed))

}  // namespace rathole::test
