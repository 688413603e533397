// A whole tunnel in virtual time: server, client, service and visitor in one thread, without a
// socket. The network fails for a minute; the trace shows how both sides notice and recover.
// Takes a seed as its argument; the same seed prints the same trace.

#include <rathole/client/client.hpp>
#include <rathole/server/server.hpp>
#include <rathole/sim/recorder.hpp>
#include <rathole/sim/world.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/transport/tcp.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <stop_token>
#include <string>
#include <system_error>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using transport_type = transport::tcp<sim::runtime>;

namespace {

/// Echoes one connection at a time.
io::awaitable<void> serve(sim::runtime host) {
  const address at{"127.0.0.1", 8080};
  auto acceptor = co_await host.listen(at);
  for (;;) {
    auto visitor = co_await acceptor->accept();
    std::uint8_t buffer[1024];
    const auto count = co_await visitor->read_some(buffer);
    if (count) co_await visitor->write(byte_view(buffer).first(*count));
  }
}

io::awaitable<void> visit(sim::runtime host, std::string& outcome) {
  const address at{"server", 5202};
  const io::socket_options options;
  auto stream = co_await host.connect(at, options, host.now() + 10s, std::stop_token());
  outcome = stream ? "no answer" : stream.error().message();
  if (!stream) co_return;
  const std::string question = "hello through the tunnel";
  const byte_view bytes(reinterpret_cast<const std::uint8_t*>(question.data()), question.size());
  co_await stream->write(bytes);
  std::uint8_t buffer[1024];
  const auto count = co_await stream->read_some(buffer);
  if (count && *count > 0) outcome.assign(reinterpret_cast<const char*>(buffer), *count);
}

}  // namespace

int main(int argc, char** argv) {
  sim::world world(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  sim::recorder at_server(world, "server"), at_client(world, "client");
  const auto ignore = [](std::error_code) {};

  config::server_service offered;
  offered.name = "web";
  offered.bind_addr = address{"0.0.0.0", 5202};
  offered.token = secret("a token");
  config::server server_settings;
  server_settings.bind_addr = address{"0.0.0.0", 2333};
  server_settings.services.push_back(offered);
  server_side::basic_server<transport_type, sim::recorder> server(
      transport_type(world.make_runtime("server")), server_settings, at_server);
  server.async_run(ignore);

  config::client_service served;
  served.name = "web";
  served.local_addr = address{"127.0.0.1", 8080};
  served.token = secret("a token");
  config::client client_settings;
  client_settings.remote_addr = address{"server", 2333};
  client_settings.services.push_back(served);
  client_side::basic_client<transport_type, sim::recorder> client(
      transport_type(world.make_runtime("client")), client_settings, at_client);
  client.async_run(ignore);

  asio::co_spawn(world.get_executor(), serve(world.make_runtime("client")), asio::detached);
  std::vector<std::string> answers;
  for (const bool cut : {false, true, false}) {
    if (cut) world.net().partition("client", "server");
    world.run_for(1min);
    std::string outcome;
    asio::co_spawn(world.get_executor(), visit(world.make_runtime("visitor"), outcome),
                   asio::detached);
    world.run_for(5s);
    answers.push_back(outcome);
    if (cut) world.net().heal("client", "server");
  }

  server.stop();
  client.stop();
  world.run_until_quiet();

  // Each line begins with its virtual time.
  const auto stamp = [](const std::string& line) { return line.substr(0, 10); };
  std::vector<std::string> trace;
  std::ranges::merge(at_server.lines(), at_client.lines(), std::back_inserter(trace), {}, stamp,
                     stamp);
  for (const std::string& line : trace) std::cout << line << '\n';
  for (const std::string& answer : answers) std::cout << "a visitor got: " << answer << '\n';
}
