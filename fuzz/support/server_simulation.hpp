#pragma once

#include "handshakes.hpp"
#include "simulation.hpp"

namespace rathole::fuzz {

/// A server; all its peers follow the fuzzer's input.
class server_simulation : public simulation {
 public:
  explicit server_simulation(fuzz_input& in) : simulation(in) {
    server = run_server(world, pool_size);
  }

  void step(fuzz_input& in) {
    switch (in.below(14)) {
      case 0: open("client", clients_port); break;
      case 1: visit(in); break;
      case 2: {
        simulated_peer& who = some_peer(in);
        say(who, in.bytes());
        break;
      }
      case 3: say_hello(some_peer(in), protocol::service_digest(service_name)); break;
      case 4: say_hello(some_peer(in), nonce()); break;
      case 5: authenticate(some_peer(in)); break;
      case 6: {
        simulated_peer& who = some_peer(in);
        open_channel(who, some_peer(in));
        break;
      }
      case 7: send_traffic(some_peer(in), 16 * in.byte()); break;
      case 8: become_client(in); break;
      case 9:
        if (in.below(8) == 7) server->stop(in.flag());
        break;
      default: simulation::step(in); break;
    }
  }

 private:
  static inline const address clients_port{"server", 2333};

  static void authenticate(simulated_peer& who) { say(who, key_of(who)); }

  void visit(fuzz_input& in) {
    const auto visitor = open("visitor", {"server", 5202});
    if (!visitor) return;
    visitor->take_part(simulated_peer::role::visitor, 0);
    visitor->send_pattern(16 * in.byte());
  }

  // Connects a client with some data channels, as fast as the network allows.
  void become_client(fuzz_input& in) {
    const auto control = open("client", clients_port);
    if (!control) return;
    say_hello(*control, protocol::service_digest(service_name));
    world.run_until([&] { return control->received().size() >= bincode::hello_size; },
                    std::chrono::seconds(1));
    authenticate(*control);
    pass(std::chrono::milliseconds(10));
    for (std::size_t i = in.below(4); i > 0; --i) {
      if (const auto channel = open("client", clients_port)) open_channel(*channel, *control);
    }
  }
};

}  // namespace rathole::fuzz
