// The program of the server as a visitor: `basic_server::connect`.

#include "support/sim_tunnel.hpp"

#include <rathole/io/stream/shared_stream.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::pattern, test::sim_tunnel;

namespace {

using stream_pointer = std::shared_ptr<io::shared_stream>;

/// Asks for a stream; the result must come once, and never inside the call.
test::pending<stream_pointer> connect(sim_tunnel& tunnel, std::stop_token cancel = {},
                                      std::string_view service = "web") {
  auto out = std::make_shared<std::optional<result<stream_pointer>>>();
  tunnel.server->connect(service, std::move(cancel), [out](result<stream_pointer> made) {
    REQUIRE(!out->has_value());
    out->emplace(std::move(made));
  });
  CHECK(!out->has_value());
  return out;
}

/// Returns why there is no stream.
std::error_code refusal(sim_tunnel& tunnel, std::string_view service = "web") {
  const auto made = tunnel.bench.get(connect(tunnel, {}, service));
  REQUIRE(!made.has_value());
  return made.error();
}

/// Returns a stream, which must be made.
stream_pointer must_connect(sim_tunnel& tunnel) {
  auto made = tunnel.bench.get(connect(tunnel));
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  return std::move(*made);
}

io::task<std::string> read_piece(stream_pointer from) {
  std::uint8_t buffer[4096];
  const auto count = co_await from->read_some(buffer);
  if (!count) co_return failure(count.error());
  co_return std::string(reinterpret_cast<const char*>(buffer), *count);
}

io::task<std::string> read_to_end(stream_pointer from) {
  std::string all;
  for (;;) {
    const auto piece = co_await read_piece(from);
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) co_return all;
    all += *piece;
  }
}

io::task<void> send(stream_pointer to, std::string payload) {
  const auto sent = co_await to->write(bytes(payload));
  if (!sent) co_return failure(sent.error());
  co_return co_await to->shutdown_send();
}

/// Sends `payload` and its end while it reads the answer to its end, and closes the stream.
std::string exchange(sim_tunnel& tunnel, const stream_pointer& stream, std::string payload) {
  const auto sent = tunnel.bench.begin(send(stream, std::move(payload)));
  std::string answer = tunnel.bench.must(read_to_end(stream));
  CHECK(tunnel.bench.get(sent).has_value());
  stream->close();
  return answer;
}

/// Waits for the end of the visitor's direction, and only then answers, with what it got.
io::awaitable<void> answer_at_end(sim::stream stream) {
  const auto all = co_await test::read_all(stream);
  if (all) co_await stream.write(bytes(*all));
  stream.close();
}

/// Speaks first and ends its direction, then counts what comes.
io::awaitable<void> greet(sim::stream stream) {
  co_await stream.write(bytes("220 ready"));
  co_await stream.shutdown_send();
  co_await test::read_all(stream);
}

/// Resets the connection after the first bytes.
io::awaitable<void> reset(sim::stream stream) {
  co_await test::read_once(stream);
  stream.abort();
}

/// Cancels, on the server's thread, after so many more turns of its executor.
void cancel_after(io::executor on, std::uint64_t turns, std::stop_source stop) {
  asio::post(on, [on, turns, stop]() mutable {
    if (turns == 0) {
      stop.request_stop();
    } else {
      cancel_after(on, turns - 1, stop);
    }
  });
}

protocol::channel_counts counts(const sim_tunnel& tunnel) {
  protocol::channel_counts out;
  tunnel.server->for_each_pool([&](const auto&, const protocol::channel_counts& in) { out = in; });
  return out;
}

const sim::recorder& events(const sim_tunnel& tunnel) { return tunnel.server->events; }

/// A tunnel without idle data channels whose client has just stopped responding.
struct silent_tunnel : sim_tunnel {
  explicit silent_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    server_settings.services[0].pool.size = 0;
    server_settings.services[0].pool.max_waiting_visitors = 3;
    start_all();
    world.net().partition("client", "server");
  }
};

}  // namespace

TEST_CASE("connect: the program reaches the service, without a socket of a visitor") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  tunnel.world.run_for(1s);
  const auto before = tunnel.world.net().in_use().streams;
  const auto stream = must_connect(tunnel);
  CHECK(tunnel.server->descriptors().one_sided == 1);
  CHECK(tunnel.server->descriptors().forwards == 0);
  CHECK(tunnel.server->descriptors().waiting == 0);
  CHECK(exchange(tunnel, stream, "hello") == "hello");
  tunnel.world.run_for(1s);
  CHECK(tunnel.server->descriptors().one_sided == 0);
  CHECK(events(tunnel).count<server_side::forward_started>() == 1);
  CHECK(events(tunnel).count<server_side::forward_ended>() == 1);
  CHECK_FALSE(events(tunnel).last_error<server_side::forward_ended>());
  const auto& lines = events(tunnel).lines();
  CHECK(std::ranges::any_of(lines, [](const std::string& line) {
    return line.ends_with("forward_started web in-process:0 #1");
  }));
  CHECK(tunnel.world.net().in_use().streams == before);
  CHECK(tunnel.bench.must(tunnel.visit("a visitor")) == "a visitor");
  tunnel.stop_all();
}

TEST_CASE("connect: the events count the bytes of both directions") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_service("client", greet);
  tunnel.start_both();
  std::optional<std::pair<std::uint64_t, std::uint64_t>> seen;
  tunnel.server->events.also_notify([&seen](const sim::recorded& event) {
    if (event.name == "forward_ended") seen = event.bytes;
  });
  const auto stream = must_connect(tunnel);
  // The service speaks first, so its client must have been asked to start.
  CHECK(tunnel.bench.must(read_to_end(stream)) == "220 ready");
  // Its direction has ended; that of the program continues.
  tunnel.bench.must(stream->write(bytes("MAIL FROM")));
  tunnel.bench.must(stream->shutdown_send());
  CHECK(stream->sent() == 9);
  CHECK(stream->received() == 9);
  tunnel.world.run_for(1s);
  CHECK(events(tunnel).count<server_side::forward_ended>() == 0);
  stream->close();
  tunnel.world.run_for(1s);
  REQUIRE(seen.has_value());
  CHECK(*seen == std::pair<std::uint64_t, std::uint64_t>(9, 9));
  tunnel.stop_all();
}

TEST_CASE(
    "connect: large transfers arrive whole, also answers after the program shut down sending") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  sim::link_conditions rough;
  rough.max_delay = 20ms;
  rough.max_read = 3000;
  rough.window = 8000;
  tunnel.world.net().set_conditions(rough);
  tunnel.start_service("client", answer_at_end);
  tunnel.start_both();
  const std::string payload = pattern(300'000);
  CHECK(exchange(tunnel, must_connect(tunnel), payload) == payload);
  tunnel.stop_all();
}

TEST_CASE("connect: two hundred at once, with visitors between them") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  std::vector<test::pending<stream_pointer>> made;
  std::vector<test::pending<std::string>> visits;
  for (int i = 0; i < 200; ++i) {
    made.push_back(connect(tunnel));
    if (i % 10 == 0) visits.push_back(tunnel.bench.begin(tunnel.visit(pattern(5'000))));
  }
  std::vector<stream_pointer> streams;
  for (const auto& each : made) {
    auto stream = tunnel.bench.get(each);
    REQUIRE(stream.has_value());
    streams.push_back(std::move(*stream));
    each->reset();
  }
  CHECK(tunnel.server->descriptors().one_sided == 200);
  std::vector<test::pending<std::string>> answers;
  std::vector<test::pending<void>> sent;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    sent.push_back(tunnel.bench.begin(send(streams[i], pattern(20'000 + i))));
    answers.push_back(tunnel.bench.begin(read_to_end(streams[i])));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    CHECK(tunnel.bench.get(answers[i]) == pattern(20'000 + i));
    CHECK(tunnel.bench.get(sent[i]).has_value());
  }
  for (const auto& visit : visits) CHECK(tunnel.bench.get(visit) == pattern(5'000));
  streams.clear();
  tunnel.world.run_for(1s);
  CHECK(tunnel.server->descriptors().one_sided == 0);
  CHECK(events(tunnel).count<server_side::forward_ended>() == 220);
  tunnel.stop_all();
}

TEST_CASE("connect: a stream that the program drops is closed, one that it aborts is reset") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  auto stream = must_connect(tunnel);
  tunnel.bench.must(stream->write(bytes("x")));
  CHECK(tunnel.bench.must(read_piece(stream)) == "x");
  SUBCASE("dropped") {
    stream.reset();
    tunnel.world.run_for(1s);
    CHECK_FALSE(events(tunnel).last_error<server_side::forward_ended>());
    CHECK_FALSE(tunnel.client->events.last_error<client_side::forward_ended>());
  }
  SUBCASE("dropped after it was closed") {
    stream->close();
    stream.reset();
    tunnel.world.run_for(1s);
    CHECK_FALSE(events(tunnel).last_error<server_side::forward_ended>());
  }
  SUBCASE("dropped after the connection has ended") {
    stream->close();
    tunnel.world.run_for(1s);
    stream.reset();
  }
  SUBCASE("aborted") {
    stream->abort(std::make_error_code(std::errc::connection_aborted));
    tunnel.world.run_for(1s);
    CHECK(events(tunnel).last_error<server_side::forward_ended>() == std::errc::connection_aborted);
    CHECK(tunnel.client->events.last_error<client_side::forward_ended>());
  }
  tunnel.world.run_for(1s);
  CHECK(events(tunnel).count<server_side::forward_ended>() == 1);
  CHECK(tunnel.server->descriptors().one_sided == 0);
  tunnel.stop_all();
}

TEST_CASE("connect: the program sees that the service reset its connection") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_service("client", reset);
  tunnel.start_both();
  const auto stream = must_connect(tunnel);
  tunnel.bench.must(stream->write(bytes("x")));
  const auto answer = tunnel.bench.get(read_piece(stream));
  REQUIRE(!answer.has_value());
  CHECK(stream->error() == answer.error());
  stream->close();
  tunnel.world.run_for(1s);
  CHECK(events(tunnel).last_error<server_side::forward_ended>() == answer.error());
  tunnel.stop_all();
}

TEST_CASE("connect: what cannot be served fails at once") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services.emplace_back();
  tunnel.server_settings.services[1].name = "dns";
  tunnel.server_settings.services[1].kind = config::service_kind::udp;
  tunnel.server_settings.services[1].bind_addr = {"0.0.0.0", 5300};
  tunnel.server_settings.services[1].token = secret("correct horse");
  tunnel.start_server();
  const time_point began = tunnel.world.now();
  CHECK(refusal(tunnel) == errc::service_not_exist);
  tunnel.world.run_for(1s);
  CHECK(refusal(tunnel) == errc::no_client);
  CHECK(refusal(tunnel, "ghost") == errc::service_not_exist);
  CHECK(refusal(tunnel, "dns") == errc::unexpected_traffic);
  CHECK(tunnel.world.now() - began == 1s);
  CHECK(events(tunnel).count<server_side::visitor_refused>() == 0);
  tunnel.start_service("client", test::echo);
  tunnel.start_client();
  const auto is_served = [&] {
    return events(tunnel).count<server_side::control_channel_established>() == 1;
  };
  REQUIRE(tunnel.run_until(is_served) == sim::outcome::done);
  const auto stream = must_connect(tunnel);
  CHECK(exchange(tunnel, stream, "served") == "served");
  tunnel.client->stop();
  tunnel.world.run_for(1s);
  CHECK(refusal(tunnel) == errc::no_client);
  tunnel.server->stop();
  CHECK(refusal(tunnel) == errc::stopped);
  tunnel.world.run_for(1s);
  CHECK(refusal(tunnel) == errc::stopped);
  tunnel.stop_all();
}

TEST_CASE("connect: a request that waits too long fails like a visitor") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  const time_point began = tunnel.world.now();
  CHECK(refusal(tunnel) == errc::timed_out);
  CHECK(tunnel.world.now() - began >= 10s);
  CHECK(tunnel.world.now() - began <= 10s + 10ms);
  CHECK(events(tunnel).last_error<server_side::visitor_refused>() == errc::timed_out);
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.serves_again(1s));
  tunnel.stop_all();
}

TEST_CASE("connect: requests share the bound on waiting visitors") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  const auto visit = tunnel.bench.begin(tunnel.visit("early"));
  tunnel.world.run_for(1s);
  const auto second = connect(tunnel);
  const auto third = connect(tunnel);
  CHECK(refusal(tunnel) == errc::limit_reached);
  CHECK(events(tunnel).count<server_side::visitor_refused>() == 1);
  CHECK(events(tunnel).last_error<server_side::visitor_refused>() == errc::limit_reached);
  CHECK(tunnel.server->descriptors().waiting == 3);
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.bench.get(visit) == "early");
  for (const auto& each : {second, third}) {
    const auto stream = tunnel.bench.get(each);
    REQUIRE(stream.has_value());
    CHECK(exchange(tunnel, *stream, "queued") == "queued");
    each->reset();
  }
  tunnel.stop_all();
}

TEST_CASE("connect: requests fail when the client goes, with the reason of its session's end") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  const auto first = connect(tunnel);
  const auto second = connect(tunnel);
  tunnel.world.run_for(1s);
  tunnel.world.net().lose_connections("client", "server");
  for (const auto& each : {first, second}) {
    const auto made = tunnel.bench.get(each);
    REQUIRE(!made.has_value());
    CHECK(made.error() == events(tunnel).last_error<server_side::control_channel_closed>());
  }
  CHECK(events(tunnel).count<server_side::visitor_refused>() == 2);
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.serves_again(15s));
  tunnel.stop_all();
}

TEST_CASE("connect: a service that is removed refuses its requests, and keeps its streams") {
  const auto seed = test::scenario_seed(11);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  tunnel.world.net().heal("client", "server");
  const auto stream = must_connect(tunnel);
  tunnel.world.net().partition("client", "server");
  const auto waiting = connect(tunnel);
  tunnel.world.run_for(1s);
  auto next = tunnel.server_settings;
  next.services.clear();
  tunnel.server->update(next);
  const auto made = tunnel.bench.get(waiting);
  REQUIRE(!made.has_value());
  CHECK(made.error() == errc::stopped);
  CHECK(refusal(tunnel) == errc::service_not_exist);
  tunnel.world.net().heal("client", "server");
  CHECK(exchange(tunnel, stream, "still open") == "still open");
  tunnel.stop_all();
}

TEST_CASE("connect: cancelling before, and after the outcome") {
  const auto seed = test::scenario_seed(12);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  std::stop_source stop;
  SUBCASE("a request that is cancelled already never waits") {
    stop.request_stop();
    CHECK(tunnel.bench.get(connect(tunnel, stop.get_token())).error() == errc::stopped);
    CHECK(counts(tunnel).waiting == 0);
    CHECK(events(tunnel).count<server_side::forward_started>() == 0);
  }
  SUBCASE("a stream is not affected") {
    auto stream = tunnel.bench.get(connect(tunnel, stop.get_token()));
    stop.request_stop();
    tunnel.world.run_for(1s);
    REQUIRE(stream.has_value());
    CHECK(exchange(tunnel, *stream, "mine") == "mine");
  }
  SUBCASE("nor is a request that was refused") {
    const auto refused = connect(tunnel, stop.get_token(), "ghost");
    stop.request_stop();
    CHECK(tunnel.bench.get(refused).error() == errc::service_not_exist);
  }
  SUBCASE("an observer that cancels in the middle of an event") {
    tunnel.server->events.also_notify([&stop](const sim::recorded& event) {
      if (event.name == "forward_started") stop.request_stop();
    });
    const auto stream = tunnel.bench.get(connect(tunnel, stop.get_token()));
    REQUIRE(stream.has_value());
    CHECK(exchange(tunnel, *stream, "mine") == "mine");
  }
  tunnel.stop_all();
}

TEST_CASE("connect: a request can be cancelled at every step, and leaves nothing behind") {
  // Without an idle data channel the request waits for one; with one, only work of the server's own
  // thread comes between.
  std::size_t idle = 0;
  SUBCASE("while it waits for a data channel") {}
  SUBCASE("while an idle data channel is started") { idle = 1; }
  std::size_t cancelled = 0;
  std::size_t served = 0;
  for (std::uint64_t step = 0; served < 3; ++step) {
    REQUIRE(step < 500);
    const auto seed = test::scenario_seed(13);
    REPLAYABLE(seed);
    CAPTURE(step);
    sim_tunnel tunnel(seed);
    tunnel.server_settings.services[0].pool.size = idle;
    tunnel.start_all();
    tunnel.world.run_for(1s);
    std::stop_source stop;
    if (idle > 0) cancel_after(tunnel.world.get_executor(), step, stop);
    const auto request = connect(tunnel, stop.get_token());
    bool had_outcome = false;
    if (idle == 0) {
      const std::uint64_t end = tunnel.world.steps() + step;
      tunnel.run_until([&] { return tunnel.world.steps() >= end; });
      had_outcome = request->has_value();
      stop.request_stop();
    }
    auto made = tunnel.bench.get(request);
    request->reset();
    if (had_outcome) CHECK(made.has_value());
    if (made) {
      ++served;
      CHECK(exchange(tunnel, *made, "mine") == "mine");
      made->reset();
    } else {
      ++cancelled;
      CHECK(made.error() == errc::stopped);
    }
    tunnel.world.run_for(1s);
    CHECK(counts(tunnel).waiting == 0);
    CHECK(counts(tunnel).starting == 0);
    CHECK(tunnel.server->descriptors().waiting == 0);
    CHECK(tunnel.server->descriptors().one_sided == 0);
    CHECK(events(tunnel).count<server_side::visitor_refused>() == 0);
    CHECK(tunnel.bench.must(tunnel.visit("next")) == "next");
    tunnel.stop_all();
  }
  CHECK(cancelled >= (idle == 0 ? 10 : 1));
}

TEST_CASE("connect: a cancelled request makes room for the next") {
  const auto seed = test::scenario_seed(14);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  std::vector<test::pending<stream_pointer>> full;
  std::stop_source stop;
  for (int i = 0; i < 3; ++i) full.push_back(connect(tunnel, stop.get_token()));
  tunnel.world.run_for(1s);
  CHECK(counts(tunnel).waiting == 3);
  stop.request_stop();
  for (const auto& each : full) CHECK(tunnel.bench.get(each).error() == errc::stopped);
  CHECK(counts(tunnel).waiting == 0);
  CHECK(tunnel.server->descriptors().waiting == 0);
  const auto next = connect(tunnel);
  tunnel.world.net().heal("client", "server");
  const auto stream = tunnel.bench.get(next);
  REQUIRE(stream.has_value());
  CHECK(exchange(tunnel, *stream, "next") == "next");
  next->reset();
  tunnel.stop_all();
}

TEST_CASE("connect: a stream may finish within the grace time, and is then reset") {
  const auto seed = test::scenario_seed(15);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.shutdown_idle_timeout = 0s;
  tunnel.start_all();
  const auto stream = must_connect(tunnel);
  tunnel.server->stop();
  tunnel.world.run_for(1s);
  tunnel.bench.must(stream->write(bytes("x")));
  CHECK(tunnel.bench.must(read_piece(stream)) == "x");
  CHECK_FALSE(tunnel.server->ended());
  SUBCASE("finished") {
    CHECK(exchange(tunnel, stream, "and done") == "and done");
    REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 100ms) ==
            sim::outcome::done);
    CHECK_FALSE(events(tunnel).last_error<server_side::forward_ended>());
  }
  SUBCASE("held too long") {
    const auto read = tunnel.bench.begin(read_piece(stream));
    REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 11s) ==
            sim::outcome::done);
    CHECK(tunnel.bench.get(read).error() == errc::stopped);
    CHECK(events(tunnel).last_error<server_side::forward_ended>() == errc::stopped);
  }
  tunnel.stop_all();
}

TEST_CASE("connect: an idle stream ends early in a shutdown, and at once if asked to") {
  const auto seed = test::scenario_seed(16);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.shutdown_grace = 60s;
  tunnel.server_settings.shutdown_idle_timeout = 3s;
  tunnel.start_all();
  const auto stream = must_connect(tunnel);
  const time_point began = tunnel.world.now();
  duration longest{};
  SUBCASE("idle") {
    tunnel.server->stop();
    longest = 4s;
  }
  SUBCASE("now") {
    tunnel.server->stop_now();
    longest = 10ms;
  }
  SUBCASE("drained first, without a limit") {
    tunnel.server->drain();
    tunnel.world.run_for(5min);
    CHECK_FALSE(tunnel.server->ended());
    tunnel.bench.must(stream->write(bytes("x")));
    CHECK(tunnel.bench.must(read_piece(stream)) == "x");
    tunnel.server->stop_now();
    longest = 5min + 100ms;
  }
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 70s) ==
          sim::outcome::done);
  CHECK(tunnel.world.now() - began <= longest);
  CHECK(stream->is_closed());
  CHECK(events(tunnel).last_error<server_side::forward_ended>());
  tunnel.stop_all();
}

TEST_CASE("connect: a request that waits when the server stops fails with it") {
  const auto seed = test::scenario_seed(17);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  const auto waiting = connect(tunnel);
  tunnel.world.run_for(1s);
  tunnel.server->stop();
  CHECK(tunnel.bench.get(waiting).error() == errc::stopped);
  tunnel.world.net().heal("client", "server");
  tunnel.stop_all();
}
