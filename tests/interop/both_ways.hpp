#pragma once

#include "../support/our_program.hpp"
#include "../support/transport_tables.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

namespace rathole::test {

/// Says at which end our program runs; upstream's runs at the other.
enum class side { server, client };

/// Runs a scenario with upstream at one end.
inline void one_way(void (*scenario)(const pairing&), side ours,
                    const transport_tables& by = tcp()) {
  const pairing programs = ours == side::server
                               ? pairing{by.name + ": our server, upstream's client", our_program(),
                                         upstream_program(), by.server, by.client}
                               : pairing{by.name + ": upstream's server, our client",
                                         upstream_program(), our_program(), by.server, by.client};
  CAPTURE(programs.name);
  scenario(programs);
}
inline void both_ways(void (*scenario)(const pairing&), const transport_tables& by = tcp()) {
  for (const side ours : {side::client, side::server}) one_way(scenario, ours, by);
}

}  // namespace rathole::test
