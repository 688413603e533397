#include "io/relay_fixture.hpp"
#include "support/eventually.hpp"

#include <rathole/io/relay/pipe_pool.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

constexpr std::size_t bulk = 24 * 1024 * 1024;

constexpr std::chrono::milliseconds limit{200};

/// Carries one byte through the relay.
template <class Relay>
void carry_one(Relay& relay, tcp_socket& from, tcp_socket& to) {
  from.send_all("x");
  char byte = 0;
  while (::recv(to.fd(), &byte, 1, MSG_DONTWAIT) != 1 && !relay.status) {
    relay.run_for(std::chrono::milliseconds(1));
  }
}

/// Returns whether the socket was reset, before any further byte.
bool is_reset(const tcp_socket& socket) {
  char byte = 0;
  return ::recv(socket.fd(), &byte, 1, 0) < 0 && errno == ECONNRESET;
}

}  // namespace

TEST_SUITE("relay") {
  TEST_CASE("bulk transfers in both directions arrive whole, and the counts match") {
    relay_fixture relay;
    const std::string forth = scrambled(bulk, 1);
    const std::string back = scrambled(bulk, 2);
    std::string at_right;
    std::string at_left;
    std::jthread left_sends([&] { relay.left.send_all(forth), relay.left.shutdown_write(); });
    std::jthread right_sends([&] { relay.right.send_all(back), relay.right.shutdown_write(); });
    std::jthread left_reads([&] { at_left = relay.left.receive_all(); });
    std::jthread right_reads([&] { at_right = relay.right.receive_all(); });
    relay.run();
    left_reads.join();
    right_reads.join();
    CHECK(at_right == forth);
    CHECK(at_left == back);
    REQUIRE(relay.status);
    CHECK_FALSE(relay.status->error);
    CHECK(relay.status->forth == bulk);
    CHECK(relay.status->back == bulk);
  }

  TEST_CASE("without SIGPIPE ignored the relay copies, and everything arrives") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const std::size_t before = open_pipes();
      relay_fixture relay;
      ::signal(SIGPIPE, SIG_DFL);
      const std::string sent = scrambled(bulk, 3);
      std::string got;
      std::jthread sends([&] { relay.left.send_all(sent), relay.left.shutdown_write(); });
      std::jthread reads([&] { got = relay.right.receive_all(), relay.right.shutdown_write(); });
      relay.run();
      reads.join();
      sends.join();
      const bool copied = open_pipes() == before;
      ::_exit(got == sent && copied ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }

  TEST_CASE("the end of one direction is passed on, and the response still arrives") {
    relay_fixture relay;
    std::string question;
    std::string answer;
    std::jthread service([&] {
      question = relay.right.receive_all();
      relay.right.send_all("late answer");
      relay.right.close();
    });
    std::jthread visitor([&] {
      relay.left.send_all("question");
      relay.left.shutdown_write();
      answer = relay.left.receive_all();
    });
    relay.run();
    visitor.join();
    CHECK(question == "question");
    CHECK(answer == "late answer");
    CHECK_FALSE(relay.status->error);
  }

  TEST_CASE(
      "a side that resets during a bulk transfer resets the other side, and raises no signal") {
    relay_fixture relay;
    const std::string endless = scrambled(bulk, 4);
    bool broken = false;
    std::jthread sender([&] {
      try {
        for (;;) relay.left.send_all(endless);
      } catch (const std::system_error& error) {
        broken =
            error.code() == std::errc::connection_reset || error.code() == std::errc::broken_pipe;
      }
    });
    std::jthread reader([&] {
      relay.right.receive(4 * 1024 * 1024);
      relay.right.reset();
    });
    relay.run();
    sender.join();
    CHECK(broken);
    CHECK(relay.status->error);
    CHECK(relay.status->forth >= 4 * 1024 * 1024);
  }

  TEST_CASE("a broken sender is passed on as a reset, not as an orderly end") {
    relay_fixture relay;
    std::error_code seen;
    std::jthread reader([&] {
      try {
        relay.right.receive_all();
      } catch (const std::system_error& error) {
        seen = error.code();
      }
    });
    std::jthread sender([&] {
      relay.left.send_all("half of it");
      relay.left.reset();
    });
    relay.run();
    reader.join();
    CHECK(seen == std::errc::connection_reset);
  }

  TEST_CASE("a bulk flow that becomes a trickle still arrives, byte by byte") {
    relay_fixture relay;
    const std::string thick = scrambled(4 * 1024 * 1024, 5);
    std::string got;
    std::jthread sender([&] {
      relay.left.send_all(thick);
      for (int i = 0; i < 300; ++i) relay.left.send_all("0123456789");
      relay.left.shutdown_write();
    });
    std::jthread reader([&] { got = relay.right.receive_all(), relay.right.shutdown_write(); });
    relay.run();
    reader.join();
    REQUIRE(got.size() == thick.size() + 3000);
    CHECK(std::equal(thick.begin(), thick.end(), got.begin()));
    CHECK(got.substr(got.size() - 10) == "0123456789");
  }

  TEST_CASE(
      "a reader that pauses and continues gets everything, and the relay holds no shared memory") {
    relay_fixture relay;
    const std::string sent = scrambled(bulk, 6);
    std::string got;
    std::jthread sender([&] { relay.left.send_all(sent), relay.left.shutdown_write(); });
    relay.run_for(std::chrono::milliseconds(200));
    CHECK_FALSE(relay.status);
    std::jthread reader([&] { got = relay.right.receive_all(), relay.right.shutdown_write(); });
    relay.context.restart();
    relay.run();
    reader.join();
    CHECK(got == sent);
  }

  TEST_CASE("idle flows own no pipe") {
    const std::size_t before = open_pipes();
    std::vector<std::unique_ptr<relay_fixture>> relays;
    const std::string sent = scrambled(2 * 1024 * 1024, 7);
    for (int i = 0; i < 40; ++i) {
      auto& relay = *relays.emplace_back(std::make_unique<relay_fixture>());
      std::string got;
      std::jthread sender([&] { relay.left.send_all(sent); });
      std::atomic<bool> has_all = false;
      std::jthread reader([&] { got = relay.right.receive(sent.size()), has_all = true; });
      while (!has_all) relay.run_for(std::chrono::milliseconds(10));
      REQUIRE(got == sent);
    }
    CHECK(open_pipes() <= before + 2);
  }

  TEST_CASE("a thread keeps a bounded number of returned pipes") {
    std::thread([] {
      const std::size_t before = open_pipes();
      const std::size_t most = std::min(
          io::pipe_pool::max_idle, io::descriptor_limit() / io::pipe_pool::descriptors_per_pipe);
      {
        std::vector<io::kernel_pipe> taken;
        for (std::size_t i = 0; i < most + 5; ++i) {
          auto one = io::pipe_pool::of_thread().take();
          REQUIRE(one);
          taken.push_back(std::move(*one));
        }
        CHECK(open_pipes() == before + 2 * taken.size());
        for (auto& each : taken) io::pipe_pool::of_thread().give(std::move(each));
      }
      CHECK(open_pipes() == before + 2 * most);
    }).join();
  }

  TEST_CASE("stopping resets both sides") {
    relay_fixture relay;
    relay.run_for(std::chrono::milliseconds(10));
    relay.stop();
    relay.run();
    CHECK(relay.status->error == errc::stopped);
    CHECK(relay.left.ends());
    CHECK(relay.right.ends());
  }

  TEST_CASE("a relay that is destroyed before its end resets both sides") {
    tcp_socket left;
    tcp_socket right;
    {
      relay_fixture relay;
      relay.run_for(std::chrono::milliseconds(10));
      left = std::move(relay.left);
      right = std::move(relay.right);
    }
    for (tcp_socket* each : {&left, &right}) {
      CHECK_THROWS_WITH_AS(each->receive(1), doctest::Contains("reset"), std::system_error);
    }
  }

  TEST_CASE("a relay ends in order a connection whose sockets would be reset by closing") {
    relay_fixture relay;
    io::reset_on_close(relay.inside_left, true);
    std::jthread runs([&] { relay.run(); });
    relay.right.send_all("all there is");
    relay.right.shutdown_write();
    CHECK(relay.left.receive(12) == "all there is");
    relay.left.shutdown_write();
    CHECK(relay.left.receive_all() == "");
    CHECK(relay.right.receive_all() == "");
  }

  TEST_CASE("a relay that is idle beyond the limit resets both sides, and not before") {
    const auto begun = clock::now();
    relay_fixture relay({limit, duration::zero()});
    relay.run_for(test_timeout);
    REQUIRE(relay.status);
    CHECK(relay.status->error == errc::timed_out);
    CHECK(clock::now() - begun >= limit);
    CHECK(is_reset(relay.left));
    CHECK(is_reset(relay.right));
  }

  TEST_CASE("traffic in either direction restarts the idle limit") {
    for (const bool forth : {true, false}) {
      CAPTURE(forth);
      relay_fixture relay({limit, duration::zero()});
      tcp_socket& from = forth ? relay.left : relay.right;
      tcp_socket& to = forth ? relay.right : relay.left;
      const auto end = clock::now() + 4 * limit;
      while (clock::now() < end && !relay.status) carry_one(relay, from, to);
      CHECK_FALSE(relay.status);
      relay.run_for(test_timeout);
      REQUIRE(relay.status);
      CHECK(relay.status->error == errc::timed_out);
    }
  }

  TEST_CASE("a spliced flow that is stuck times out too, and leaks no pipe") {
    const std::size_t before = open_pipes();
    const std::string endless = scrambled(bulk, 8);
    for (int i = 0; i < 3; ++i) {
      relay_fixture relay({limit, duration::zero()});
      std::jthread sender([&] {
        try {
          for (;;) relay.left.send_all(endless);
        } catch (const std::system_error&) {
          return;
        }
      });
      relay.run_for(test_timeout);
      sender.join();
      REQUIRE(relay.status);
      CHECK(relay.status->error == errc::timed_out);
      CHECK(relay.status->forth > 0);
    }
    // An empty pipe may be kept for the next flow.
    CHECK(open_pipes() <= before + 2);
  }

  TEST_CASE("bytes that the kernel still sends count as traffic") {
    // Windows open by 64 KiB or so at a time: two pauses must be much shorter than the limit.
    constexpr std::chrono::milliseconds pause{150};
    constexpr auto longer = 7 * pause;
    relay_fixture relay({longer, duration::zero()});
    const std::string sent = scrambled(384 * 1024, 9);
    const int room = 1024 * 1024;
    ::setsockopt(relay.inside_left, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    std::jthread sender([&] { relay.right.send_all(sent); });
    std::string got;
    const auto begun = clock::now();
    while (got.size() < sent.size() && !relay.status) {
      relay.run_for(pause);
      std::array<char, 32 * 1024> chunk;
      const auto taken = ::recv(relay.left.fd(), chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (taken > 0) got.append(chunk.data(), static_cast<std::size_t>(taken));
    }
    CHECK(clock::now() - begun > longer + 2 * pause);
    CHECK_FALSE(relay.status);
    CHECK((got == sent));
  }

  TEST_CASE("a half-closed relay lasts as long as its other direction") {
    relay_fixture relay({duration::zero(), limit});
    relay.left.shutdown_write();
    const auto end = clock::now() + 4 * limit;
    while (clock::now() < end && !relay.status) carry_one(relay, relay.right, relay.left);
    CHECK_FALSE(relay.status);
    SUBCASE("which ends in order") {
      relay.right.shutdown_write();
      relay.run_for(test_timeout);
      REQUIRE(relay.status);
      CHECK_FALSE(relay.status->error);
      CHECK(relay.left.receive_all() == "");
    }
    SUBCASE("which becomes idle") {
      relay.run_for(test_timeout);
      REQUIRE(relay.status);
      CHECK(relay.status->error == errc::timed_out);
      CHECK(is_reset(relay.left));
    }
  }

  TEST_CASE("only a relay with an idle limit has a timer") {
    using counted = relay_fixture_on<counted_runtime>;
    REQUIRE(counted_runtime::count == 0);
    counted relay({duration::zero(), std::chrono::hours(1)});
    carry_one(relay, relay.left, relay.right);
    CHECK(counted_runtime::count == 0);
    relay.left.shutdown_write();
    while (counted_runtime::count == 0) relay.run_for(std::chrono::milliseconds(10));
    carry_one(relay, relay.right, relay.left);
    CHECK(counted_runtime::count == 1);
    relay.right.shutdown_write();
    relay.run_for(test_timeout);
    CHECK(relay.status);
    CHECK(counted_runtime::count == 0);
  }

  TEST_CASE("a context may end with a suspended relay") {
    relay_fixture relay;
    relay.left.send_all("on its way");
    relay.run_for(std::chrono::milliseconds(10));
    CHECK_FALSE(relay.status);
  }
}

}  // namespace rathole::test
