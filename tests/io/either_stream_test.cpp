// An either_stream does what the stream does that it is, and connections are carried over it by that
// stream's relay.

#include "io/relay_fixture.hpp"
#include "support/framing_layer.hpp"
#include "support/mux_pair.hpp"

#include <rathole/io/carry.hpp>
#include <rathole/io/stream/either_stream.hpp>
#include <rathole/io/stream/layered_stream.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

using sim_either = io::either_stream<sim::stream, io::mux_stream>;
using tcp_either = io::either_stream<io::tcp_stream, io::mux_stream>;
using tcp_mux = io::mux_connection<io::asio_runtime, io::tcp_stream>;
using layered = io::layered_stream<io::asio_runtime, framing_layer>;
static_assert(io::ByteStream<sim_either> && io::ByteStream<tcp_either>);
static_assert(io::ByteStream<io::either_stream<layered, io::mux_stream>>);
static_assert(io::BoundStream<io::mux_stream> && !io::BoundStream<io::tcp_stream>);

/// Uses every operation of `ByteStream`.
void works(sim_bench& bench, sim_either near, sim_either far, const char* peer) {
  CHECK(near.peer().host == peer);
  near.set_peer({"elsewhere", 7});
  CHECK(near.peer() == address{"elsewhere", 7});
  near.set_nodelay(true);
  near.apply({});
  bench.must(near.write_corked(bytes("one, ")));
  near.flush();
  bench.must(far.wait_readable());
  bench.must(near.write(bytes("two")));
  bench.must(near.shutdown_send());
  CHECK(bench.must(read_to_end(far)) == "one, two");
  CHECK(far.peer_has_closed());
  const auto waiting = bench.begin(near.wait_readable());
  bench.world.run_for(1s);
  near.cancel_wait();
  CHECK(bench.get(waiting).error() == errc::stopped);
  sim_either moved = far.move_to(bench.server);
  moved.limit_input(1);
  moved.abort();
  CHECK_FALSE(moved.is_open());
  CHECK(bench.get(read_some(near)).error() == std::errc::connection_reset);
  near.close();
  CHECK_FALSE(near.is_open());
}

/// left - relay - multiplexed connection - relay - right. The relays are told that they may move to
/// a context that nothing runs.
class mux_chain {
 public:
  mux_chain() {
    ::signal(SIGPIPE, SIG_IGN);
    auto [near_wire, far_wire] = joined();
    client_ =
        tcp_mux::make(io::asio_runtime(context), std::move(near_wire), mux::role::client, {}, {});
    server_ =
        tcp_mux::make(io::asio_runtime(context), std::move(far_wire), mux::role::server, {}, {});
    client_->authenticated();
    server_->authenticated();
    server_->set_on_open([this](io::mux_stream opened) {
      auto [outside, inside] = connected();
      right = std::move(outside);
      start(std::move(opened), std::move(inside), far_status);
    });
    run(client_->run(), client_end);
    run(server_->run(), server_end);
    auto [outside, inside] = connected();
    left = std::move(outside);
    start(std::move(*client_->open()), std::move(inside), near_status);
    while (right.fd() < 0) context.run_one();
  }

  /// Carries until both relays have ended, and then ends the connection in order.
  void run() {
    while (!near_status || !far_status) context.run_one();
    client_->go_away();
    context.run();
  }

  asio::io_context context{1};
  tcp_socket left;
  tcp_socket right;
  std::optional<io::relay_status> near_status;
  std::optional<io::relay_status> far_status;
  std::optional<result<void>> client_end;
  std::optional<result<void>> server_end;

 private:
  std::pair<tcp_socket, io::tcp_stream> connected() {
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    return {std::move(outside), inner(*listener.accept())};
  }
  std::pair<io::tcp_stream, io::tcp_stream> joined() {
    auto [outside, inside] = connected();
    return {inner(outside), std::move(inside)};
  }
  io::tcp_stream inner(const tcp_socket& of) {
    const int fd = ::dup(of.fd());
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return {context.get_executor(), io::descriptor(fd), address{"127.0.0.1", 1}};
  }

  void run(io::task<void> work, std::optional<result<void>>& to) {
    asio::co_spawn(context, std::move(work), [&to](std::exception_ptr error, result<void> ended) {
      REQUIRE_FALSE(error);
      to = ended;
    });
  }
  void start(tcp_either channel, io::tcp_stream plain, std::optional<io::relay_status>& to) {
    const io::asio_runtime here(context);
    socket_reset(channel);
    socket_reset(plain);
    auto carried = io::carry(here, io::asio_runtime(elsewhere_), std::move(channel),
                             std::move(plain), io::relay_limits(), stops_);
    asio::co_spawn(context, std::move(carried),
                   [&to](std::exception_ptr error, io::relay_status status) {
                     REQUIRE_FALSE(error);
                     to = status;
                   });
  }
  static void socket_reset(auto& stream) {
    io::socket_options traffic;
    traffic.reset_on_close = true;
    stream.apply(traffic);
  }

  asio::io_context elsewhere_{1};
  io::drain_stops stops_;
  std::shared_ptr<tcp_mux> client_;
  std::shared_ptr<tcp_mux> server_;
};

}  // namespace

TEST_CASE("either stream: every operation goes to the stream that it is") {
  SUBCASE("the first") {
    sim_bench bench;
    sim_connection pair(bench);
    works(bench, std::move(pair.near), std::move(pair.far), "server");
  }
  SUBCASE("the second") {
    sim_mux both;
    auto [near, far] = both.open();
    works(both.bench, std::move(near), std::move(far), "server");
  }
}

TEST_CASE("either stream: connections are carried over multiplexed streams") {
  constexpr std::size_t bulk = 4 * 1024 * 1024 + 7;
  mux_chain chain;
  const std::string forth = scrambled(bulk, 1);
  const std::string back = scrambled(bulk, 2);
  std::string at_right;
  std::string at_left;
  {
    std::jthread left_sends([&] { chain.left.send_all(forth), chain.left.shutdown_write(); });
    std::jthread right_sends([&] { chain.right.send_all(back), chain.right.shutdown_write(); });
    std::jthread left_reads([&] { at_left = chain.left.receive_all(); });
    std::jthread right_reads([&] { at_right = chain.right.receive_all(); });
    chain.run();
  }
  CHECK(at_right == forth);
  CHECK(at_left == back);
  for (const auto& status : {chain.near_status, chain.far_status}) {
    REQUIRE(status);
    CHECK_FALSE(status->error);
    CHECK(status->forth + status->back == 2 * bulk);
  }
  CHECK((chain.client_end && chain.client_end->has_value()));
  CHECK((chain.server_end && chain.server_end->has_value()));
}

TEST_CASE("either stream: an end of one direction is passed on, and the other goes on") {
  mux_chain chain;
  std::jthread peers([&] {
    chain.left.send_all("request");
    chain.left.shutdown_write();
    const std::string request = chain.right.receive_all();
    chain.right.send_all("answer to " + request);
    chain.right.shutdown_write();
  });
  chain.run();
  peers.join();
  CHECK(chain.left.receive_all() == "answer to request");
}

TEST_CASE("either stream: a reset is passed on as a reset") {
  mux_chain chain;
  std::jthread peers([&] {
    chain.left.send_all("a part");
    CHECK(chain.right.receive(6) == "a part");
    chain.left.reset();
    char byte = 0;
    CHECK_THROWS_AS(chain.right.receive_some(&byte, 1), std::system_error);
  });
  chain.run();
  peers.join();
  CHECK(chain.near_status->error);
  CHECK(chain.far_status->error);
  CHECK((chain.client_end && chain.client_end->has_value()));
}

}  // namespace rathole::test
