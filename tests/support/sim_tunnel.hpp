#pragma once

#include "support/sim_seeds.hpp"
#include "support/sim_world.hpp"

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/types.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/sim/recorder.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::test {

/// A client or server of the library in a simulation, and the recorder of its events. The world
/// must outlive it.
class program {
 public:
  virtual ~program() = default;
  virtual void stop() = 0;
  virtual void stop_now() = 0;
  virtual void drain() = 0;

  /// Updates the settings of a server or client; `updated()` returns the result.
  virtual void update(const config::server& next) = 0;
  virtual void update(const config::client& next) = 0;
  [[nodiscard]] const std::optional<std::error_code>& updated() const { return state_->updated; }

  /// Serves a UDP service of a client in the process; does nothing for a server.
  virtual void receive_datagrams(const std::string& service,
                                 std::shared_ptr<client_side::datagram_receiver> receiver) = 0;

  /// Serves a TCP service of a client in the process; does nothing for a server. Must be called
  /// before the service starts, or directly after the client was started.
  virtual void receive_visitors(const std::string& service,
                                std::shared_ptr<client_side::stream_receiver> receiver) = 0;

  /// Starts a server with other settings that takes this one's listeners over.
  [[nodiscard]] virtual std::unique_ptr<program> successor(sim::world& world, std::string_view host,
                                                           const config::server& next) = 0;

  /// Connects the program itself, as a visitor of a server; does nothing for a client.
  virtual void connect(std::string_view service, std::stop_token cancel,
                       server_side::connect_completion done) = 0;

  /// Returns where a server listens for visitors of `service`; nothing for a client.
  [[nodiscard]] virtual std::vector<address> addresses_of(const std::string& service) const = 0;

  /// Returns the descriptors that it counts.
  [[nodiscard]] virtual protocol::descriptor_use descriptors() const = 0;

  /// Returns how many coroutines it runs.
  [[nodiscard]] virtual std::size_t tasks() const = 0;

  /// Visits the pools of a server; does nothing for a client.
  using pool_visitor =
      std::function<void(const config::server_service&, const protocol::channel_counts&)>;
  virtual void for_each_pool(const pool_visitor& visit) const = 0;

  /// Returns how it ended, once it has.
  [[nodiscard]] const std::optional<std::error_code>& ended() const { return state_->ended; }

 protected:
  // Shared with the running operation, which may last until the world is destroyed.
  struct shared_state {
    shared_state(const sim::world& world, std::string name) : events(world, std::move(name)) {}
    sim::recorder events;
    std::optional<std::error_code> ended;
    std::optional<std::error_code> updated;
  };

  program(const sim::world& world, std::string name)
      : state_(std::make_shared<shared_state>(world, std::move(name))), events(state_->events) {}

  std::shared_ptr<shared_state> state_;

 public:
  sim::recorder& events;
};

/// Runs a program. `transport.kind` of its settings is `tcp`, or `tls` for a transport with a
/// simple layer, the `framing_layer`. A client with `transport.multiplex` multiplexes over `tcp`.
std::unique_ptr<program> run_server(sim::world& world, std::string_view host, config::server is,
                                    std::shared_ptr<server_side::server_hooks> hooks = nullptr);
std::unique_ptr<program> run_client(sim::world& world, std::string_view host, config::client is);

/// A tunnel for the service "web" of host "client" (127.0.0.1:8080), reachable at server:5202
/// through server:2333, with visitors on host "visitor".
struct sim_tunnel {
  explicit sim_tunnel(std::uint64_t seed);

  sim_bench bench;
  sim::world& world = bench.world;
  std::unique_ptr<program> server;
  std::unique_ptr<program> client;
  config::server server_settings;
  config::client client_settings;
  /// What the server asks.
  std::shared_ptr<server_side::server_hooks> hooks = std::make_shared<server_side::server_hooks>();

  /// Starts the program. A previous one continues unless it was stopped.
  void start_server();
  void start_client();

  /// Starts a service at 127.0.0.1:8080 of `host`, which runs until the world is destroyed.
  void start_service(std::string_view host, io::awaitable<void> (*serve)(sim::stream));

  /// Starts server and client and runs until visitors can connect.
  void start_both();

  /// As `start_both`, with an echo service.
  void start_all();

  /// Connects a visitor to `to` that sends `payload`, ends its direction and reads the response to the
  /// end.
  io::task<std::string> visit(std::string payload, address to = {"server", 5202});

  /// Returns a visitor's connection to `to`.
  io::task<sim::stream> arrive(address to = {"server", 5202});

  /// Runs until a visitor of `at` gets an echo, with a new visitor every half second for at most
  /// `timeout`. Returns whether one did.
  bool serves_again(duration timeout, const address& at = {"server", 5202});

  /// Stops both programs and runs until they have ended; requires that only the services' acceptors
  /// remain in use.
  void stop_all();

  template <class Condition>
  sim::outcome run_until(Condition condition, duration timeout = std::chrono::minutes(10)) {
    return world.run_until(condition, timeout);
  }

 private:
  std::size_t services_ = 0;
};

/// Returns `size` bytes in which neighbouring positions differ.
std::string pattern(std::size_t size);

/// Echoes what it receives, then ends.
io::awaitable<void> echo(sim::stream stream);

}  // namespace rathole::test
