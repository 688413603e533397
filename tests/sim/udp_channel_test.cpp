// UDP data channels over a simulated connection.

#include <rathole/io/udp/channel.hpp>

#include "support/sim_world.hpp"

#include <rathole/protocol/bincode.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::bincode, protocol::udp_frame;
using test::bytes, test::read_once, test::sim_bench, test::sim_connection;

namespace {

using channel_type = io::udp_channel<sim::stream, bincode>;

ip_endpoint visitor(std::size_t number) {
  return {{192, 0, 2, 10}, static_cast<std::uint16_t>(number), false};
}

std::string frame(std::size_t number, std::string_view payload) {
  byte_buffer out;
  bincode::append_udp_frame(visitor(number), bytes(payload), out);
  return {out.data().begin(), out.data().end()};
}

/// A running channel, and a peer that the test controls.
struct channel_bench : sim_bench {
  explicit channel_bench(std::size_t queue_size = 1 << 20, sim::link_conditions how = {})
      : pair((world.net().set_conditions(how), *this)),
        channel(
            std::make_shared<channel_type>(world.get_executor(), std::move(pair.near), queue_size)),
        running(begin(channel_type::run(channel, received))) {}
  ~channel_bench() { end(); }

  /// Closes the channel and waits for its end.
  result<void> end() {
    channel->close();
    return get(running);
  }

  void say(std::string_view text) { must(pair.far.write(bytes(text))); }

  /// Returns what the peer receives within a second.
  std::string peer_received() {
    std::string out;
    const auto until = world.now() + 1s;
    while (world.now() < until) {
      if (!reading) reading = begin(read_once(pair.far));
      if (world.run_until([&] { return reading->has_value(); }, until - world.now()) !=
          sim::outcome::done) {
        break;
      }
      const auto got = **reading;
      reading = nullptr;
      if (!got || got->empty()) break;
      out += *got;
    }
    return out;
  }

  struct collector {
    std::vector<std::string> payloads;
    std::vector<std::uint16_t> ports;
    std::vector<std::size_t> pieces;
    std::function<void()> then = [] {};

    void operator()(std::span<const udp_frame> frames) {
      pieces.push_back(frames.size());
      for (const udp_frame& each : frames) {
        payloads.emplace_back(each.payload.begin(), each.payload.end());
        ports.push_back(each.visitor.port);
      }
      then();
    }
  };

  sim_connection pair;
  collector received;
  std::shared_ptr<channel_type> channel;
  test::pending<void> running;
  test::pending<std::string> reading;
};

}  // namespace

TEST_CASE("udp channel: frames become datagrams, however the stream is split") {
  sim::link_conditions rough;
  SUBCASE("whole") {}
  SUBCASE("in small pieces") { rough.max_read = 7; }
  channel_bench bench(1 << 20, rough);
  const std::string large(65'507, 'x');
  bench.say(frame(1, "one") + frame(2, "") + frame(3, large) + frame(1, "more"));
  bench.world.run_for(1s);
  CHECK(bench.received.payloads == std::vector<std::string>{"one", "", large, "more"});
  CHECK(bench.received.ports == std::vector<std::uint16_t>{1, 2, 3, 1});
  CHECK_FALSE(bench.channel->is_over());
}

TEST_CASE("udp channel: the frames of one read are delivered in portions") {
  channel_bench bench;
  std::string all;
  for (std::size_t i = 0; i < 150; ++i) all += frame(i, "x");
  bench.say(all);
  bench.world.run_for(1s);
  CHECK(bench.received.pieces == std::vector<std::size_t>{64, 64, 22});
  CHECK(bench.received.ports.back() == 149);
}

TEST_CASE("udp channel: pushed datagrams are sent by flush, in one write") {
  channel_bench bench;
  bench.world.run_for(1s);
  std::string all;
  for (std::size_t i = 0; i < 500; ++i) {
    const std::string text = std::to_string(i);
    CHECK(bench.channel->push(visitor(i), bytes(text)));
    all += frame(i, text);
  }
  CHECK(bench.channel->push(visitor(0), {}));
  all += frame(0, "");
  bench.world.run_for(1s);
  const auto before = bench.world.net().operations("client").count();
  CHECK(bench.peer_received().empty());
  bench.channel->flush();
  bench.channel->flush();
  bench.world.run_for(1s);
  CHECK(bench.world.net().operations("client").count() == before + 1);
  CHECK(bench.peer_received() == all);

  bench.channel->flush();
  CHECK(bench.peer_received().empty());
  CHECK(bench.channel->push(visitor(7), bytes("later")));
  bench.channel->flush();
  CHECK(bench.peer_received() == frame(7, "later"));
}

TEST_CASE("udp channel: for a peer that reads nothing only the queue is kept") {
  constexpr std::size_t queue = 10'000;
  sim::link_conditions narrow;
  narrow.window = 1000;
  channel_bench bench(queue, narrow);
  const std::string payload(87, 'x');  // a frame of 100 bytes
  std::string taken;
  const auto push = [&](std::size_t number) {
    if (!bench.channel->push(visitor(number), bytes(payload))) return false;
    taken += frame(number, payload);
    return true;
  };
  // These are being written while the peer reads nothing.
  for (std::size_t i = 0; i < 20; ++i) CHECK(push(i));
  bench.channel->flush();
  bench.world.run_for(1s);
  std::size_t waiting = 0;
  while (push(waiting)) ++waiting;
  CHECK(waiting == queue / 100);
  CHECK_FALSE(bench.channel->push(visitor(1), bytes(payload)));
  bench.channel->flush();
  bench.world.run_for(1s);
  CHECK_FALSE(push(1));

  // A changed bound applies at once.
  bench.channel->set_queue_size(queue + 100);
  CHECK(push(1));
  CHECK_FALSE(push(1));
  bench.channel->set_queue_size(100);
  CHECK_FALSE(push(1));

  // Accepted datagrams are complete; dropped ones left no bytes.
  CHECK(bench.peer_received() == taken);
  CHECK(push(2));
  bench.channel->flush();
  CHECK(bench.peer_received() == frame(2, payload));
}

TEST_CASE("udp channel: only a datagram longer than the queue is lost") {
  channel_bench bench(50);
  CHECK_FALSE(bench.channel->push(visitor(1), bytes(std::string(51, 'x'))));
  CHECK(bench.channel->push(visitor(2), bytes("fits")));
  bench.channel->flush();
  CHECK(bench.peer_received() == frame(2, "fits"));
}

TEST_CASE("udp channel: each way of ending is reported") {
  channel_bench bench;
  std::error_code expected;
  SUBCASE("in order") {
    bench.say(frame(1, "one"));
    bench.pair.far.close();
    expected = make_error_code(errc::end_of_stream);
  }
  SUBCASE("within a payload") {
    bench.say(frame(1, "one") + frame(2, "two").substr(0, 15));
    bench.pair.far.close();
    expected = make_error_code(errc::truncated);
  }
  SUBCASE("after the first byte of a header") {
    bench.say(frame(1, "one") + "\x0c");
    bench.pair.far.close();
    expected = make_error_code(errc::truncated);
  }
  SUBCASE("with an invalid frame") {
    bench.say(frame(1, "one") + "\x0b" + frame(2, "two"));
    expected = make_error_code(errc::malformed_message);
  }
  SUBCASE("reset") {
    bench.say(frame(1, "one"));
    bench.world.run_for(1s);
    bench.pair.far.abort();
    expected = sim::system_error(std::errc::connection_reset);
  }
  SUBCASE("closed by this side") {
    bench.say(frame(1, "one"));
    bench.world.run_for(1s);
    bench.channel->close();
    CHECK(bench.channel->is_over());
    expected = make_error_code(errc::stopped);
  }
  SUBCASE("while a write is pending") {
    bench.say(frame(1, "one"));
    bench.world.run_for(1s);
    auto& operations = bench.world.net().operations("client");
    operations.fail_at(operations.count() + 1, std::errc::no_buffer_space);
    CHECK(bench.channel->push(visitor(1), bytes("never arrives")));
    bench.channel->flush();
    expected = sim::system_error(std::errc::no_buffer_space);
  }
  CHECK(bench.get(bench.running).error() == expected);
  // Frames before the end have been delivered.
  CHECK(bench.received.payloads == std::vector<std::string>{"one"});
  CHECK(bench.channel->is_over());
  CHECK_FALSE(bench.channel->push(visitor(1), bytes("too late")));
  bench.channel->flush();
  CHECK(bench.tasks.size() == 0);
  bench.pair.far.close();
  CHECK(bench.world.net().in_use() == sim::resource_counts{0, 1, 0});
}

TEST_CASE("udp channel: closed inside its receiver, it delivers nothing more") {
  channel_bench bench;
  bench.received.then = [&] { bench.channel->close(); };
  std::string all;
  for (std::size_t i = 0; i < 150; ++i) all += frame(i, "x");
  bench.say(all);
  CHECK(bench.get(bench.running).error() == errc::stopped);
  CHECK(bench.received.pieces == std::vector<std::size_t>{64});
}

TEST_CASE("udp channel: closing ends a write that the peer blocks") {
  sim::link_conditions narrow;
  narrow.window = 1000;
  channel_bench bench(1 << 20, narrow);
  CHECK(bench.channel->push(visitor(1), bytes(std::string(5000, 'x'))));
  bench.channel->flush();
  bench.world.run_for(1s);
  CHECK_FALSE(bench.running->has_value());
  CHECK(bench.end().error() == errc::stopped);
  CHECK(bench.tasks.size() == 0);
}

TEST_CASE("udp channel: the receiver may send replies") {
  channel_bench bench;
  bench.received.then = [&] {
    const std::size_t at = bench.received.ports.size() - 1;
    bench.channel->push(visitor(bench.received.ports[at]), bytes(bench.received.payloads[at]));
    bench.channel->flush();
  };
  bench.say(frame(4, "ping"));
  CHECK(bench.peer_received() == frame(4, "ping"));
}
