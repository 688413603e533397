#pragma once

#include "../support/carriage.hpp"
#include "../support/our_program.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

namespace rathole::test {

/// Runs a scenario with each pairing that has upstream at one end.
inline void both_ways(void (*scenario)(const pairing&), const carriage& by = tcp()) {
  for (const bool ours_serves : {false, true}) {
    pairing programs =
        ours_serves ? pairing{"upstream's client, our server", our_program(), upstream_program()}
                    : pairing{"our client, upstream's server", upstream_program(), our_program()};
    programs.server_tables = by.server;
    programs.client_tables = by.client;
    CAPTURE(by.name);
    CAPTURE(programs.name);
    scenario(programs);
  }
}

}  // namespace rathole::test
