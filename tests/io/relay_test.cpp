#include "io/relay_fixture.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace rathole::test {

namespace {

constexpr std::size_t bulk = 24 * 1024 * 1024;

std::size_t open_pipes() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.string().starts_with("pipe:")) ++count;
  }
  return count;
}

}  // namespace

TEST_SUITE("relay") {
  TEST_CASE("bulk flows both ways at once arrive whole, and the counts say so") {
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

  TEST_CASE("without SIGPIPE ignored the relay copies, and arrives whole too") {
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
      const bool copied = open_pipes() == before;
      ::_exit(got == sent && copied ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }

  TEST_CASE("the end of one side's sending is passed on, and the answer comes back") {
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

  TEST_CASE("a side that resets under a bulky flow breaks the other side, not the process") {
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

  TEST_CASE("a broken sender is seen as a reset, not as an end") {
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

  TEST_CASE("a flow that was bulky and turns thin still arrives, octet by octet") {
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

  TEST_CASE("a reader that stops and goes on gets everything, and holds nobody's memory") {
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

  TEST_CASE("flows that wait own no pipe") {
    const std::size_t before = open_pipes();
    std::vector<std::unique_ptr<relay_fixture>> relays;
    const std::string sent = scrambled(2 * 1024 * 1024, 7);
    for (int i = 0; i < 40; ++i) {
      auto& relay = *relays.emplace_back(std::make_unique<relay_fixture>());
      std::string got;
      std::jthread sender([&] { relay.left.send_all(sent); });
      std::jthread reader([&] { got = relay.right.receive(sent.size()); });
      while (got.size() < sent.size()) relay.run_for(std::chrono::milliseconds(10));
      REQUIRE(got == sent);
    }
    CHECK(open_pipes() <= before + 2);
  }

  TEST_CASE("stopping breaks both sides") {
    relay_fixture relay;
    relay.run_for(std::chrono::milliseconds(10));
    relay.stop();
    relay.run();
    CHECK(relay.status->error == errc::stopped);
    CHECK(relay.left.ends());
    CHECK(relay.right.ends());
  }

  TEST_CASE("a context may end with a relay suspended in it") {
    relay_fixture relay;
    relay.left.send_all("on its way");
    relay.run_for(std::chrono::milliseconds(10));
    CHECK_FALSE(relay.status);
  }
}

}  // namespace rathole::test
