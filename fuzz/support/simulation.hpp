#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"
#include "programs.hpp"
#include "settings.hpp"
#include "simulated_peer.hpp"

#include <rathole/protocol/bincode.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// A simulated network with a server, a client or both, and simulated peers: the common part of the
/// two targets of whole programs.
class simulation {
 public:
  using peer_list = std::vector<std::shared_ptr<simulated_peer>>;

  /// The fuzzer's input gives the seed and the behaviour of the links.
  explicit simulation(fuzz_input& in) : world(in.byte()), tasks(world.get_executor()) {
    pool_size = in.below(9);
    set_conditions(in);
  }

  sim::world world;
  io::task_group tasks;
  std::size_t pool_size;
  std::unique_ptr<program> server;
  std::unique_ptr<program> client;
  /// The peers that the fuzzer's input controls.
  peer_list peers;
  /// The peers that act as the client's service.
  peer_list services;

  /// Lets time pass; checks that there is no livelock, and that memory stays bounded.
  void pass(duration time) {
    check(world.run_for(time) != sim::outcome::livelock);
    check(world.net().in_use().streams <= max_streams);
  }

  /// Runs until `condition` holds, which it must within an hour.
  template <class Condition>
  void await(Condition condition) {
    check(world.run_until(condition) == sim::outcome::done);
  }

  /// Returns the peer that the fuzzer's input names; an idle one if there is none.
  simulated_peer& some_peer(fuzz_input& in) {
    const std::size_t number = in.byte();
    if (peers.empty()) add_peer();
    return *peers[number % peers.size()];
  }

  /// Makes a peer that is not connected.
  const std::shared_ptr<simulated_peer>& add_peer() {
    return peers.emplace_back(std::make_shared<simulated_peer>(world.get_executor()));
  }

  /// Makes a peer that dials from `host`; null if there are enough.
  std::shared_ptr<simulated_peer> open(std::string_view host, const address& to) {
    if (peers.size() >= max_peers) return nullptr;
    const auto made = add_peer();
    tasks.spawn(dial(this, world.make_runtime(host), made, to));
    return made;
  }

  /// Listens on `at` of `host`, and makes each connection a peer with that role in `cast`.
  void accept(std::string_view host, const address& at, simulated_peer::role part,
              peer_list& cast) {
    listeners_.push_back(std::make_shared<listener>());
    tasks.spawn(accept_all(this, world.make_runtime(host), at, part, cast, listeners_.back()));
  }

  /// Performs one action of any peer or of the network.
  void step(fuzz_input& in) {
    auto& net = world.net();
    switch (in.below(16)) {
      case 0: some_peer(in).finish(); break;
      case 1: some_peer(in).close(); break;
      case 2: some_peer(in).abort(); break;
      case 3: some_peer(in).set_reading(false); break;
      case 4: some_peer(in).set_reading(true); break;
      case 5: set_conditions(in); break;
      case 6: net.partition(some_host(in), some_host(in)); break;
      case 7: net.heal(some_host(in), some_host(in)); break;
      case 8: net.lose_connections(some_host(in), some_host(in)); break;
      case 9: net.refuse_connections(some_host(in), in.flag()); break;
      case 10: {
        auto& operations = net.operations(some_host(in));
        const std::errc why =
            in.flag() ? std::errc::connection_reset : std::errc::too_many_files_open;
        operations.fail_at(operations.count() + 1 + in.byte(), why);
        break;
      }
      default: pass(in.time()); break;
    }
  }

  /// Checks that with an honest other side the tunnel serves a visitor, whatever happened before,
  /// and that nothing remains in use once both programs are stopped.
  void conclude() {
    end_faults();
    restart(server, [this] { return run_server(world, pool_size); });
    restart(client, [this] { return run_client(world); });
    accept("client", {"127.0.0.1", 8080}, simulated_peer::role::echo, services);
    check(serves());

    server->stop(false);
    client->stop(false);
    await([this] { return server->ended() && client->ended(); });
    end_faults();
    check(world.net().in_use() == sim::resource_counts());
  }

 private:
  static constexpr std::string_view hosts[] = {"server", "client", "visitor"};
  static constexpr std::size_t max_peers = 48;
  static constexpr std::size_t max_streams = 1000;

  // A listening port that can be closed from outside.
  struct listener {
    std::optional<sim::acceptor> acceptor;
    bool closed = false;
  };

  static io::awaitable<void> dial(simulation* self, sim::runtime from,
                                  std::shared_ptr<simulated_peer> who, address to) {
    const io::socket_options options;
    const time_point deadline = from.now() + std::chrono::seconds(10);
    auto opened = co_await from.connect(to, options, deadline, std::stop_token());
    if (opened) who->begin(std::move(*opened), self->tasks);
  }

  static io::awaitable<void> accept_all(simulation* self, sim::runtime on, address at,
                                        simulated_peer::role part, peer_list& cast,
                                        std::shared_ptr<listener> way) {
    for (;;) {
      if (way->closed) co_return;
      if (!way->acceptor) {
        // The fuzzer's input may make this fail, once.
        auto opened = co_await on.listen(at);
        if (opened) way->acceptor.emplace(std::move(*opened));
        continue;
      }
      auto stream = co_await way->acceptor->accept();
      if (!stream) continue;
      if (cast.size() >= max_peers) {
        stream->abort();
        continue;
      }
      const auto made = cast.emplace_back(std::make_shared<simulated_peer>(on.get_executor()));
      made->take_part(part, 0);
      made->begin(std::move(*stream), self->tasks);
    }
  }

  // Ends all peers and all faults.
  void end_faults() {
    auto& net = world.net();
    for (const std::string_view one : hosts) {
      net.operations(one).fail_at(0, {});
      net.refuse_connections(one, false);
      for (const std::string_view other : hosts) net.heal(one, other);
    }
    net.set_conditions({});
    for (const auto& each : listeners_) {
      each->closed = true;
      if (each->acceptor) each->acceptor->close();
    }
    for (const auto& each : peers) each->abort();
    for (const auto& each : services) each->abort();
    await([this] { return tasks.size() == 0; });
    peers.clear();
    services.clear();
    listeners_.clear();
    pass(std::chrono::seconds(1));
  }

  template <class Make>
  void restart(std::unique_ptr<program>& one, Make make) {
    if (one && one->is_stopping()) await([&one] { return one->ended().has_value(); });
    if (!one || one->ended()) one = make();
  }

  bool serves() {
    constexpr std::size_t count = 3000;
    for (int attempt = 0; attempt < 60; ++attempt) {
      const auto visitor = open("visitor", {"server", 5202});
      visitor->take_part(simulated_peer::role::visitor, 0);
      visitor->send_pattern(count);
      visitor->finish();
      const auto is_served = [&] { return visitor->echoed() == count; };
      if (world.run_until(is_served, std::chrono::seconds(15)) == sim::outcome::done) return true;
      visitor->abort();
      services.push_back(visitor);
      peers.clear();
      pass(std::chrono::seconds(1));
    }
    return false;
  }

  std::string_view some_host(fuzz_input& in) { return hosts[in.below(std::size(hosts))]; }

  void set_conditions(fuzz_input& in) {
    sim::link_conditions rough;
    rough.min_delay = std::chrono::milliseconds(in.below(4));
    rough.max_delay = rough.min_delay + std::chrono::milliseconds(in.byte());
    if (const std::size_t longest = in.byte(); longest > 0) rough.max_read = longest;
    rough.window = 64 + 256 * in.below(256);
    world.net().set_conditions(rough);
  }

  std::vector<std::shared_ptr<listener>> listeners_;
};

}  // namespace rathole::fuzz
