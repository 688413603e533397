#include "io/relay_fixture.hpp"
#include "support/eventually.hpp"
#include "support/framing_layer.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/tcp.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

using ending = framing_layer::ending;
using layered = io::layered_stream<io::asio_runtime, framing_layer>;

struct layers {
  using layer_type = framing_layer;
  [[nodiscard]] bool serves(config::transport_kind kind) const {
    return kind == config::transport_kind::tcp;
  }
  result<framing_layer> client_layer() const { return framing_layer(how); }
  result<framing_layer> server_layer() const { return framing_layer(how); }
  ending how = ending::announced;
};
using layered_tcp = transport::layered<transport::tcp<io::asio_runtime>, layers>;

/// left - relay - layer - layer - relay - right
template <class NearRelay, class FarRelay>
class layered_chain {
 public:
  explicit layered_chain(ending how, io::relay_limits limits = {})
      : transport_({io::asio_runtime(context), {}}, {how}), limits_(limits) {
    ::signal(SIGPIPE, SIG_IGN);
    asio::co_spawn(context, play(), [](std::exception_ptr error) { REQUIRE_FALSE(error); });
    while (!far_) context.run_one();
  }

  void run() { context.run(); }

  tcp_socket left;
  tcp_socket right;
  asio::io_context context{1};
  std::optional<io::relay_status> near_status;
  std::optional<io::relay_status> far_status;

 private:
  std::pair<tcp_socket, io::tcp_stream> connected() {
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    auto accepted = listener.accept();
    const int inside = ::dup(accepted->fd());
    ::fcntl(inside, F_SETFL, O_NONBLOCK);
    return {std::move(outside), io::tcp_stream(context.get_executor(), io::descriptor(inside),
                                               address{"127.0.0.1", 1})};
  }

  io::awaitable<void> answer(io::tcp_acceptor& acceptor) {
    auto accepted = co_await acceptor.accept();
    const auto deadline = clock::now() + 5s;
    const std::stop_token never;
    auto stream = co_await transport_.handshake(std::move(*accepted), deadline, never);
    REQUIRE(stream);
    auto [outside, inside] = connected();
    right = std::move(outside);
    far_.emplace(io::asio_runtime(context), std::move(*stream), std::move(inside), limits_);
    far_status = co_await far_->run();
  }

  io::awaitable<void> play() {
    const address anywhere{"127.0.0.1", 0};
    const std::stop_token never;
    auto acceptor = co_await transport_.listen(anywhere, never);
    REQUIRE(acceptor);
    asio::co_spawn(context, answer(*acceptor), [](std::exception_ptr) {});
    const auto deadline = clock::now() + 5s;
    auto stream = co_await transport_.connect(acceptor->local(), deadline, never);
    REQUIRE(stream);
    auto [outside, inside] = connected();
    left = std::move(outside);
    near_.emplace(io::asio_runtime(context), std::move(inside), std::move(*stream), limits_);
    near_status = co_await near_->run();
  }

  layered_tcp transport_;
  io::relay_limits limits_;
  std::optional<NearRelay> near_;
  std::optional<FarRelay> far_;
};

io::awaitable<void> try_to_connect(layered_tcp& by, std::uint16_t port,
                                   std::optional<std::error_code>& outcome) {
  const address to{"127.0.0.1", port};
  const std::stop_token never;
  auto stream = co_await by.connect(to, clock::now() + 300ms, never);
  outcome = stream ? std::error_code() : stream.error();
}

template <class Chain>
void carries_both_ways(ending how) {
  constexpr std::size_t bulk = 1024 * 1024 + 7;
  Chain chain(how);
  const std::string forth = scrambled(bulk, 1);
  const std::string back = scrambled(bulk, 2);
  std::string at_right;
  std::string at_left;
  std::jthread left_sends([&] { chain.left.send_all(forth), chain.left.shutdown_write(); });
  std::jthread right_sends([&] { chain.right.send_all(back), chain.right.shutdown_write(); });
  std::jthread left_reads([&] { at_left = chain.left.receive_all(); });
  std::jthread right_reads([&] { at_right = chain.right.receive_all(); });
  chain.run();
  left_reads.join();
  right_reads.join();
  CHECK(at_right == forth);
  CHECK(at_left == back);
  REQUIRE(chain.near_status);
  REQUIRE(chain.far_status);
  CHECK_FALSE(chain.near_status->error);
  CHECK_FALSE(chain.far_status->error);
  CHECK(chain.near_status->forth == bulk);
  CHECK(chain.near_status->back == bulk);
  CHECK(chain.far_status->forth == bulk);
  CHECK(chain.far_status->back == bulk);
}

template <template <io::Runtime, io::ByteStream, io::ByteStream> class Relay>
using chain_of = layered_chain<Relay<counted_runtime, io::tcp_stream, layered>,
                               Relay<counted_runtime, layered, io::tcp_stream>>;
using quick = chain_of<io::relay>;
using copying = chain_of<io::copy_relay>;
static_assert(std::same_as<io::relay<counted_runtime, io::tcp_stream, layered>,
                           io::layered_relay<counted_runtime, framing_layer>>);

constexpr std::chrono::milliseconds limit{100};

/// Carries one byte through the chain.
template <class Chain>
void carry_one(Chain& chain, tcp_socket& from, tcp_socket& to) {
  from.send_all("x");
  char byte = 0;
  while (::recv(to.fd(), &byte, 1, MSG_DONTWAIT) != 1 && !chain.near_status) {
    chain.context.run_for(1ms);
  }
}

/// Runs until both relays of the chain have ended: one because it was idle for too long, and the
/// other for the same reason or because the first ended.
template <class Chain>
void expect_time_out(Chain& chain) {
  chain.context.run_for(test_timeout);
  REQUIRE(chain.near_status);
  REQUIRE(chain.far_status);
  const std::error_code near = chain.near_status->error;
  const std::error_code far = chain.far_status->error;
  CHECK((near == errc::timed_out || far == errc::timed_out));
  CHECK(near);
  CHECK(far);
  CHECK(chain.left.ends());
  CHECK(chain.right.ends());
  CHECK(counted_runtime::count == 0);
}

template <class Chain>
void lives_by_its_limits(ending how) {
  {
    Chain chain(how, {limit, 0s});
    const auto begun = clock::now();
    while (clock::now() - begun < 3 * limit && !chain.near_status) {
      carry_one(chain, chain.left, chain.right);
    }
    CHECK_FALSE(chain.near_status);
    expect_time_out(chain);
  }
  for (const bool left_ends : {true, false}) {
    CAPTURE(left_ends);
    Chain chain(how, {0s, limit});
    tcp_socket& ends = left_ends ? chain.left : chain.right;
    tcp_socket& speaks = left_ends ? chain.right : chain.left;
    carry_one(chain, ends, speaks);
    ends.shutdown_write();
    const auto begun = clock::now();
    while (clock::now() - begun < 3 * limit && !chain.near_status) {
      carry_one(chain, speaks, ends);
    }
    CHECK_FALSE(chain.near_status);
    CHECK_FALSE(chain.far_status);
    expect_time_out(chain);
  }
}

}  // namespace

TEST_SUITE("layered") {
  TEST_CASE("bulk transfers in both directions arrive whole, however the layer ends its sending") {
    for (const ending how : {ending::announced, ending::with_the_stream, ending::postponed}) {
      CAPTURE(static_cast<int>(how));
      carries_both_ways<quick>(how);
      carries_both_ways<copying>(how);
    }
  }

  TEST_CASE("the end of one direction is passed on while the other one continues") {
    const auto half_closes = [](auto chain_type, ending how) {
      typename decltype(chain_type)::type chain(how);
      std::jthread runs([&] { chain.run(); });
      chain.left.send_all("question");
      chain.left.shutdown_write();
      CHECK(chain.right.receive_all() == "question");
      chain.right.send_all("answer");
      chain.right.shutdown_write();
      CHECK(chain.left.receive_all() == "answer");
      runs.join();
      CHECK_FALSE(chain.near_status->error);
      CHECK_FALSE(chain.far_status->error);
    };
    for (const ending how : {ending::announced, ending::with_the_stream, ending::postponed}) {
      CAPTURE(static_cast<int>(how));
      half_closes(std::type_identity<quick>(), how);
      half_closes(std::type_identity<copying>(), how);
    }
  }

  TEST_CASE("a chain that is idle beyond the limits ends, half-closed or not") {
    for (const ending how : {ending::announced, ending::with_the_stream, ending::postponed}) {
      CAPTURE(static_cast<int>(how));
      lives_by_its_limits<quick>(how);
      lives_by_its_limits<copying>(how);
    }
  }

  TEST_CASE("only a relay with an idle limit has a timer, in a chain too") {
    REQUIRE(counted_runtime::count == 0);
    quick chain(ending::announced, {0s, 1h});
    carry_one(chain, chain.left, chain.right);
    carry_one(chain, chain.right, chain.left);
    CHECK(counted_runtime::count == 0);
    chain.left.shutdown_write();
    while (counted_runtime::count < 2) chain.context.run_for(1ms);
    chain.right.shutdown_write();
    chain.context.run_for(test_timeout);
    REQUIRE(chain.near_status);
    CHECK_FALSE(chain.near_status->error);
    CHECK(counted_runtime::count == 0);
  }

  TEST_CASE("a broken side resets the other one") {
    quick chain(ending::announced);
    std::jthread runs([&] { chain.run(); });
    chain.left.send_all("x");
    CHECK(chain.right.receive(1) == "x");
    chain.left.reset();
    CHECK_THROWS_WITH_AS(chain.right.receive(1), doctest::Contains("reset"), std::system_error);
    runs.join();
    CHECK(chain.near_status->error);
  }

  TEST_CASE("relays that are destroyed before their end reset both sides") {
    const auto end_early = [](auto chain) {
      carry_one(*chain, chain->left, chain->right);
      tcp_socket left = std::move(chain->left);
      tcp_socket right = std::move(chain->right);
      chain.reset();
      for (tcp_socket* each : {&left, &right}) {
        CHECK_THROWS_WITH_AS(each->receive(1), doctest::Contains("reset"), std::system_error);
      }
    };
    end_early(std::make_unique<quick>(ending::announced));
    end_early(std::make_unique<copying>(ending::announced));
  }

  TEST_CASE(
      "a layer without an answer times out, and one with a wrong answer reports the protocol") {
    asio::io_context context(1);
    layered_tcp tunnel({io::asio_runtime(context), {}}, {});
    const auto outcome = [&](std::string response) {
      tcp_socket listener = tcp_socket::listen();
      std::optional<std::error_code> found;
      asio::co_spawn(context, try_to_connect(tunnel, listener.port(), found),
                     [](std::exception_ptr) {});
      std::string received;
      std::jthread peer([&] {
        auto socket = listener.accept();
        if (!response.empty()) socket->send_all(response);
        received = socket->receive_all();
      });
      context.restart();
      context.run();
      peer.join();
      return std::pair(*found, received);
    };
    CHECK(outcome("") == std::pair(make_error_code(errc::timed_out), std::string("H")));
    CHECK(outcome("?") == std::pair(make_error_code(errc::unexpected_message), std::string("H!")));
    CHECK(outcome("H").first == std::error_code());
  }
}

}  // namespace rathole::test
