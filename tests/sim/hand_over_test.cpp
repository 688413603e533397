// A data channel that the program gets as a stream.

#include "support/sim_tunnel.hpp"

#include <rathole/client/client.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/hand_over.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/transport/tcp.hpp>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::sim_tunnel;

namespace {

using stream_pointer = std::shared_ptr<io::shared_stream>;
using give_function = std::function<void(stream_pointer)>;

io::task<io::handed_over_end> hand_over(sim::runtime& on, sim::stream channel,
                                        const io::drain_stops& stops, give_function& give) {
  co_return co_await io::hand_over(on, std::move(channel), stops, give);
}

/// A program that does not want the visitors of its service.
struct dropping_receiver final : client_side::stream_receiver {
  [[nodiscard]] bool has_room(std::size_t channels) const override { return channels < 2; }
  void visitor_arrived(stream_pointer) override { ++arrived; }
  void visitor_ended(const io::shared_stream& visitor) override {
    ++ended;
    error = visitor.error();
  }
  void close(std::error_code) override {}

  int arrived = 0;
  int ended = 0;
  std::error_code error;
};

}  // namespace

TEST_CASE("hand-over: the stream ends with the program's last pointer, and as it is told to") {
  test::sim_bench bench;
  test::sim_connection both(bench);
  io::drain_stops stops;
  stream_pointer stream;
  give_function give = [&](stream_pointer given) { stream = std::move(given); };
  const auto ended = bench.begin(hand_over(bench.client, std::move(both.near), stops, give));
  bench.world.run_for(1ms);
  REQUIRE(stream);
  bench.must(stream->write(bytes("before the end")));
  bench.world.run_for(3s);
  CHECK_FALSE(ended->has_value());
  std::error_code reason;
  SUBCASE("dropped") {
    auto other = stream;
    stream.reset();
    bench.world.run_for(1ms);
    CHECK_FALSE(ended->has_value());
    other.reset();
  }
  SUBCASE("closed") { stream->close(); }
  SUBCASE("aborted") {
    reason = std::make_error_code(std::errc::connection_aborted);
    stream->abort(reason);
  }
  SUBCASE("told to") {
    reason = errc::stopped;
    stops.now.request_stop();
  }
  const auto end = bench.get(ended);
  REQUIRE(end.has_value());
  CHECK(end->stream->error() == reason);
  CHECK(end->stream->sent() == 14);
  CHECK(end->lasted >= 3s);
  CHECK(end->lasted < 4s);
  const auto received = bench.get(test::read_all(both.far));
  CHECK(received.has_value() == !reason);
  if (received) CHECK(*received == "before the end");
}

TEST_CASE("hand-over: a program without memory for the stream does not get it") {
  test::sim_bench bench;
  test::sim_connection both(bench);
  const io::drain_stops stops;
  give_function give = [](const stream_pointer&) { throw std::bad_alloc(); };
  const auto end = bench.get(hand_over(bench.client, std::move(both.near), stops, give));
  REQUIRE(end.has_value());
  CHECK(end->stream->error() == out_of_memory());
  CHECK_FALSE(bench.get(test::read_all(both.far)).has_value());
}

TEST_CASE("hand-over: a visitor whose stream the client's program drops sees its end") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_server();
  auto settings = tunnel.client_settings;
  settings.services[0].in_process = true;
  settings.services[0].local_addr = {};
  const auto receiver = std::make_shared<dropping_receiver>();
  sim::recorder events(tunnel.world, "client");
  std::optional<std::error_code> ended;
  client_side::basic_client client(
      transport::tcp<sim::runtime>(tunnel.world.make_runtime("client")), settings, events);
  client.receive("web", receiver);
  client.async_run([&](std::error_code ec) { ended = ec; });
  REQUIRE(tunnel.run_until([&] {
    return tunnel.server->events.count<server_side::service_listening>() == 1;
  }) == sim::outcome::done);
  auto visitor = tunnel.bench.must(tunnel.arrive());
  const auto text = tunnel.bench.begin(test::read_all(visitor));
  tunnel.world.run_for(1s);
  CHECK(receiver->arrived == 1);
  CHECK(receiver->ended == 1);
  CHECK_FALSE(receiver->error);
  REQUIRE(text->has_value());
  CHECK(text->value() == "");
  CHECK(events.count<client_side::forward_ended>() == 1);
  CHECK_FALSE(events.last_error<client_side::forward_ended>());
  visitor.close();
  client.stop();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return ended && tunnel.server->ended(); }) == sim::outcome::done);
}
