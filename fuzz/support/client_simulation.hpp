#pragma once

#include "handshakes.hpp"
#include "simulation.hpp"

namespace rathole::fuzz {

/// A client with an echo service; the server and its simulated visitors follow the fuzzer's input.
class client_simulation : public simulation {
 public:
  explicit client_simulation(fuzz_input& in) : simulation(in) {
    accept("server", {"0.0.0.0", 2333}, simulated_peer::role::recorder, peers);
    accept("client", {"127.0.0.1", 8080}, simulated_peer::role::echo, services);
    client = run_client(world);
    pass(std::chrono::milliseconds(10));
  }

  void step(fuzz_input& in) {
    switch (in.below(14)) {
      case 0: {
        simulated_peer& who = some_peer(in);
        say(who, in.bytes());
        break;
      }
      case 1: say_hello(some_peer(in), nonce()); break;
      case 2: say(some_peer(in), encoded(in.below(4))); break;
      case 3: request_channels(some_peer(in), 1 + in.below(16)); break;
      case 4: {
        simulated_peer& who = some_peer(in);
        start_traffic(who);
        send_traffic(who, 16 * in.byte());
        break;
      }
      case 5: send_traffic(some_peer(in), 16 * in.byte()); break;
      case 6: welcome(some_peer(in), in); break;
      case 7:
        if (in.below(8) == 7) client->stop(in.flag());
        break;
      case 8: {
        if (services.empty()) break;
        simulated_peer& who = *services[in.below(services.size())];
        in.flag() ? who.abort() : who.set_reading(in.flag());
        break;
      }
      default: simulation::step(in); break;
    }
  }

 private:
  static protocol::encoded<4> encoded(std::size_t variant) {
    return {static_cast<std::uint8_t>(variant), 0, 0, 0};
  }

  static void request_channels(simulated_peer& who, std::size_t count) {
    for (; count > 0; --count) say(who, encoded(0));
  }

  // Accepts the client, and lets some of its data channels arrive.
  void welcome(simulated_peer& who, fuzz_input& in) {
    say_hello(who, nonce());
    say(who, encoded(0));
    request_channels(who, in.below(4));
    pass(std::chrono::milliseconds(10));
  }
};

}  // namespace rathole::fuzz
