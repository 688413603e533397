// Measures the protocol machines, fed and polled as their drivers do.

#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/client_data.hpp>
#include <rathole/protocol/hello_reader.hpp>
#include <rathole/protocol/server_control.hpp>

#include <benchmark/benchmark.h>

#include <chrono>

namespace {

namespace protocol = rathole::protocol;
using protocol::bincode;
using namespace std::chrono_literals;

constexpr rathole::time_point now{1h};
constexpr protocol::digest nonce = {1, 2, 3};

// A new client and a new server until both are established, including the hashing of the token at
// each.
void control_handshake(benchmark::State& state) {
  const rathole::secret token("use_a_secret");
  const auto service = protocol::service_digest("web");
  rathole::byte_buffer to_server;
  rathole::byte_buffer to_client;
  const auto pass_on = [](rathole::byte_buffer& from, auto& machine) {
    from.consume(machine.feed(from.data()));
  };
  for (auto _ : state) {
    protocol::client_control client(service, token, 10s, 40s, now);
    client.transmit(to_server);
    protocol::hello_reader reader(now + 5s);
    pass_on(to_server, reader);
    benchmark::DoNotOptimize(reader.poll(now));
    protocol::server_control server(nonce, true, 30s, now + 5s);
    server.transmit(to_client);
    pass_on(to_client, client);
    benchmark::DoNotOptimize(client.poll(now));
    client.transmit(to_server);
    pass_on(to_server, server);
    benchmark::DoNotOptimize(server.poll(now));
    if (protocol::client_proof(nonce, server.auth()).matches(token)) server.approve();
    benchmark::DoNotOptimize(server.poll(now));
    server.accept(now);
    server.transmit(to_client);
    pass_on(to_client, client);
    auto established = client.poll(now);
    benchmark::DoNotOptimize(established);
    if (!established || !*established) state.SkipWithError("not established");
  }
}
BENCHMARK(control_handshake);

// A client's work for one command of an established control channel.
void control_command(benchmark::State& state) {
  const rathole::secret token("use_a_secret");
  protocol::client_control client(nonce, token, 10s, 40s, now);
  client.feed(bincode::encode_hello({protocol::hello_kind::control, nonce}));
  benchmark::DoNotOptimize(client.poll(now));
  client.feed(bincode::encode_ack(protocol::ack::ok));
  benchmark::DoNotOptimize(client.poll(now));
  const auto command =
      bincode::encode_control_command(protocol::control_command::create_data_channel);
  for (auto _ : state) {
    client.feed(command);
    auto event = client.poll(now);
    benchmark::DoNotOptimize(event);
    if (!event || !*event) state.SkipWithError("no event");
  }
}
BENCHMARK(control_command);

// A data channel at both ends: Hello, then the command to start.
void data_channel(benchmark::State& state) {
  const auto start = bincode::encode_data_command(protocol::data_command::start_forward_tcp);
  rathole::byte_buffer to_server;
  for (auto _ : state) {
    protocol::client_data client(nonce);
    client.transmit(to_server);
    protocol::hello_reader reader(now + 5s);
    to_server.consume(reader.feed(to_server.data()));
    auto hello = reader.poll(now);
    benchmark::DoNotOptimize(hello);
    client.feed(start);
    auto command = client.poll(now);
    benchmark::DoNotOptimize(command);
    if (!hello || !*hello || !command || !*command) state.SkipWithError("no event");
  }
}
BENCHMARK(data_channel);

}  // namespace
