// Measures encoding and decoding of every message of protocol version 1.

#include <rathole/protocol/bincode.hpp>

#include <benchmark/benchmark.h>

namespace {

namespace protocol = rathole::protocol;
using protocol::bincode;

constexpr protocol::digest some_digest = {1, 2, 3, 4, 5, 6, 7, 8};

// Measures `encode` for a message that the compiler cannot predict.
template <class Message, class Encode>
void encode(benchmark::State& state, Message message, Encode encode_message) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(message);
    auto bytes = encode_message(message);
    benchmark::DoNotOptimize(bytes);
  }
}

template <class Bytes, class Decode>
void decode(benchmark::State& state, Bytes bytes, Decode decode_message) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    auto message = decode_message(rathole::byte_view(bytes));
    benchmark::DoNotOptimize(message);
  }
}

constexpr protocol::hello some_hello{protocol::hello_kind::data, some_digest};
constexpr auto command = protocol::control_command::create_data_channel;
constexpr auto start = protocol::data_command::start_forward_tcp;

BENCHMARK_CAPTURE(encode, hello, some_hello, bincode::encode_hello);
BENCHMARK_CAPTURE(encode, auth, some_digest, bincode::encode_auth);
BENCHMARK_CAPTURE(encode, ack, protocol::ack::ok, bincode::encode_ack);
BENCHMARK_CAPTURE(encode, control_command, command, bincode::encode_control_command);
BENCHMARK_CAPTURE(encode, data_command, start, bincode::encode_data_command);

BENCHMARK_CAPTURE(decode, hello, bincode::encode_hello(some_hello), bincode::decode_hello);
BENCHMARK_CAPTURE(decode, auth, bincode::encode_auth(some_digest), bincode::decode_auth);
BENCHMARK_CAPTURE(decode, ack, bincode::encode_ack(protocol::ack::ok), bincode::decode_ack);
BENCHMARK_CAPTURE(decode, control_command, bincode::encode_control_command(command),
                  bincode::decode_control_command);
BENCHMARK_CAPTURE(decode, data_command, bincode::encode_data_command(start),
                  bincode::decode_data_command);

}  // namespace
