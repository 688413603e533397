#pragma once

#include "handshakes.hpp"
#include "stage.hpp"

namespace rathole::fuzz {

/// A client with its service, which is an echo; the server follows the script, and so do the
/// visitors that it pretends to have.
class client_play : public stage {
 public:
  explicit client_play(script& in) : stage(in) {
    accept("server", {"0.0.0.0", 2333}, actor::role::witness, actors);
    accept("client", {"127.0.0.1", 8080}, actor::role::echo, services);
    client = run_client(world);
    pass(std::chrono::milliseconds(10));
  }

  void step(script& in) {
    switch (in.below(14)) {
      case 0: {
        actor& who = some_actor(in);
        say(who, in.octets());
        break;
      }
      case 1: say_hello(some_actor(in), nonce()); break;
      case 2: say(some_actor(in), encoded(in.below(4))); break;
      case 3: command_channels(some_actor(in), 1 + in.below(16)); break;
      case 4: {
        actor& who = some_actor(in);
        start_traffic(who);
        talk(who, 16 * in.octet());
        break;
      }
      case 5: talk(some_actor(in), 16 * in.octet()); break;
      case 6: welcome(some_actor(in), in); break;
      case 7:
        if (in.below(8) == 7) client->stop(in.flag());
        break;
      case 8: {
        if (services.empty()) break;
        actor& who = *services[in.below(services.size())];
        in.flag() ? who.abort() : who.set_reading(in.flag());
        break;
      }
      default: stage::step(in); break;
    }
  }

 private:
  static protocol::encoded<4> encoded(std::size_t variant) {
    return {static_cast<std::uint8_t>(variant), 0, 0, 0};
  }

  static void command_channels(actor& who, std::size_t count) {
    for (; count > 0; --count) say(who, encoded(0));
  }

  // Accepts the client, and lets some of its data channels arrive.
  void welcome(actor& who, script& in) {
    say_hello(who, nonce());
    say(who, encoded(0));
    command_channels(who, in.below(4));
    pass(std::chrono::milliseconds(10));
  }
};

}  // namespace rathole::fuzz
