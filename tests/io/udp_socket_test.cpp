// UDP sockets satisfy the requirements of the DatagramSocket concept, on the loopback interface.

#include <rathole/io/udp/socket.hpp>

#include "support/eventually.hpp"
#include "support/own_process.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using asio::ip::udp;

static_assert(io::DatagramSocket<io::udp_socket>);

udp::endpoint at(const char* ip, std::uint16_t port = 0) {
  return {asio::ip::make_address(ip), port};
}

udp::endpoint where(const io::udp_socket& of) {
  return at(of.local().host.c_str(), of.local().port);
}

/// Returns datagrams for `to`, whose payloads are views of `payloads`.
std::vector<io::datagram> batch_of(const std::vector<std::string>& payloads,
                                   const udp::endpoint& to) {
  io::detail::socket_address system{};
  std::copy_n(reinterpret_cast<const std::uint8_t*>(to.data()), to.size(),
              reinterpret_cast<std::uint8_t*>(&system));
  std::vector<io::datagram> out;
  for (const std::string& each : payloads) {
    out.push_back(io::detail::from_socket_address(
        system, {reinterpret_cast<const std::uint8_t*>(each.data()), each.size()}));
  }
  return out;
}

/// Returns numbered payloads.
std::vector<std::string> numbers(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

/// A context that the test runs, and sockets in it.
struct udp_bench {
  asio::io_context context{1};

  io::udp_socket bind(const udp::endpoint& to) { return must(io::udp_socket::bind(ex(), to)); }
  io::udp_socket connect(const udp::endpoint& to) {
    return must(io::udp_socket::connect(ex(), to));
  }

  io::udp_socket follow(const udp::endpoint& to) {
    return must(io::udp_socket::connect_any_port(ex(), to));
  }

  /// Runs the context until `condition` holds; returns false if it does not in time.
  template <class F>
  bool run_until(F&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + test_timeout;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  /// Runs what is ready.
  void run_ready() {
    context.restart();
    for (int turns = 0; turns < 100 && context.poll() > 0; ++turns) {
    }
  }

 private:
  io::executor ex() { return context.get_executor(); }
  static io::udp_socket must(result<io::udp_socket> made) {
    REQUIRE_MESSAGE(made.has_value(), made.error().message());
    return std::move(*made);
  }
};

/// A watched socket that records what it receives.
struct inbox {
  explicit inbox(io::udp_socket from) : socket(std::move(from)) {
    socket.watch([this] {
      ++calls;
      for (const io::datagram& each : socket.receive()) {
        got.emplace_back(each.payload.begin(), each.payload.end());
        peers.push_back(each.peer);
        if (answers) socket.send(std::span(&each, 1));
      }
    });
  }

  io::udp_socket socket;
  bool answers = false;
  std::size_t calls = 0;
  std::vector<std::string> got;
  std::vector<ip_endpoint> peers;
};

constexpr std::array<const char*, 2> loopbacks{"127.0.0.1", "::1"};

TEST_SUITE("udp_socket") {
  TEST_CASE("datagrams of every size are sent both ways, over IPv4 and IPv6") {
    const std::vector<std::string> payloads{"", "x", std::string(1200, 'y'),
                                            std::string(65'507, 'z'), ""};
    for (const char* const ip : loopbacks) {
      CAPTURE(ip);
      udp_bench bench;
      inbox bound(bench.bind(at(ip)));
      CHECK(bound.socket.local().host == ip);
      CHECK(bound.socket.local().port != 0);
      bound.answers = true;
      inbox connected(bench.connect(where(bound.socket)));
      // A connected socket sends to its peer, whatever address the datagram has.
      CHECK(connected.socket.send(batch_of(payloads, at(ip, 9))) == payloads.size());
      CHECK(bench.run_until([&] { return connected.got.size() == payloads.size(); }));
      CHECK(bound.got == payloads);
      CHECK(connected.got == payloads);
      CHECK(bound.peers.front().port == connected.socket.local().port);
      CHECK(to_address(connected.peers.front()) ==
            to_address(batch_of({""}, where(bound.socket)).front().peer));
    }
  }

  TEST_CASE("more datagrams than a batch holds are sent in one call, and received in several") {
    udp_bench bench;
    io::udp_socket to = bench.bind(at("127.0.0.1"));
    io::udp_socket from = bench.bind(at("127.0.0.1"));
    // Each is longer than the one before, so they cannot be sent as runs.
    std::vector<std::string> sent;
    while (sent.size() < 3 * io::udp_batch::capacity + 5) sent.emplace_back(sent.size() + 1, 'x');
    CHECK(from.send(batch_of(sent, where(to))) == sent.size());
    CHECK(to.receive().size() == io::udp_batch::capacity);
    inbox rest(std::move(to));
    CHECK(
        bench.run_until([&] { return rest.got.size() == sent.size() - io::udp_batch::capacity; }));
    CHECK(std::ranges::equal(rest.got, std::span(sent).subspan(io::udp_batch::capacity)));
    CHECK(rest.socket.receive().empty());
  }

  TEST_CASE("runs of equal-sized datagrams arrive one by one, and so do the others") {
    udp_bench bench;
    inbox to(bench.bind(at("127.0.0.1")));
    io::udp_socket from = bench.bind(at("127.0.0.1"));
    std::vector<std::string> sent(200, std::string(1'200, 'a'));
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i].replace(0, 3, std::to_string(100 + i));
    sent[10].resize(700);
    sent[20].clear();
    sent[30].resize(1'453, 'b');
    sent[40].resize(9'000, 'c');
    CHECK(from.send(batch_of(sent, where(to.socket))) == sent.size());
    CHECK(bench.run_until([&] { return to.got.size() == sent.size(); }));
    CHECK(to.got == sent);
  }

  TEST_CASE("a socket bound to [::] serves IPv4 too, with mapped peer addresses") {
    udp_bench bench;
    inbox both(bench.bind(at("::")));
    both.answers = true;
    const std::uint16_t port = both.socket.local().port;
    inbox v4(bench.connect(at("127.0.0.1", port)));
    inbox v6(bench.connect(at("::1", port)));
    CHECK(v4.socket.send(batch_of({"four"}, where(v4.socket))) == 1);
    CHECK(bench.run_until([&] { return v4.got.size() == 1; }));
    CHECK(v6.socket.send(batch_of({"six"}, where(v6.socket))) == 1);
    CHECK(bench.run_until([&] { return v6.got.size() == 1; }));
    CHECK(both.got == std::vector<std::string>{"four", "six"});
    const ip_endpoint mapped{
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, v4.socket.local().port, true};
    CHECK(to_address(both.peers[0]) == to_address(mapped));
    CHECK(to_address(both.peers[1]).host == "::1");
    CHECK(v4.got.front() == "four");
  }

  TEST_CASE("a socket bound to a wildcard replies from the address that the request was sent to") {
    for (const char* const wildcard : {"0.0.0.0", "::"}) {
      CAPTURE(wildcard);
      udp_bench bench;
      inbox bound(bench.bind(at(wildcard)));
      bound.answers = true;
      // Single datagrams and runs. A connected socket receives nothing from other addresses.
      std::vector<std::string> sent(20, std::string(1'000, 'x'));
      sent.emplace_back(9'000, 'y');
      for (const char* const asked : {"127.0.0.2", "127.0.0.1", "127.0.0.3"}) {
        CAPTURE(asked);
        inbox visitor(bench.connect(at(asked, bound.socket.local().port)));
        CHECK(visitor.socket.send(batch_of(sent, at(asked))) == sent.size());
        CHECK(bench.run_until([&] { return visitor.got.size() == sent.size(); }));
        CHECK(visitor.got == sent);
      }
    }
  }

  TEST_CASE("a socket bound to [::] reports local IPv6 addresses too") {
    udp_bench bench;
    io::udp_socket bound = bench.bind(at("::"));
    io::udp_socket visitor = bench.connect(at("::1", bound.local().port));
    CHECK(visitor.send(batch_of({"hello"}, at("::1"))) == 1);
    const auto got = bound.receive();
    REQUIRE(got.size() == 1);
    CHECK(got[0].local == ipv6_bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    CHECK(bound.send(got) == 1);
    CHECK(visitor.receive().size() == 1);
  }

  TEST_CASE("if the local address no longer exists, the system chooses another") {
    udp_bench bench;
    io::udp_socket from = bench.bind(at("0.0.0.0"));
    inbox to(bench.bind(at("127.0.0.1")));
    const std::vector<std::string> sent{"x", "1", "2"};
    auto batch = batch_of(sent, where(to.socket));
    for (io::datagram& each : batch) each.local = {192, 0, 2, 1};
    CHECK(from.send(batch) == sent.size());
    CHECK(bench.run_until([&] { return to.got.size() == sent.size(); }));
    CHECK(to.got == sent);
  }

  TEST_CASE("where a route takes no runs, each datagram still leaves from its local address") {
    for (const char* const wildcard : {"0.0.0.0", "::"}) {
      CAPTURE(wildcard);
      udp_bench bench;
      inbox to(bench.bind(at("127.0.0.1")));
      const udp::endpoint any = at(wildcard);
      const io::descriptor from(::socket(any.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
      REQUIRE(io::bind_socket(from.get(), any));
      // The system accepts no runs from a socket without checksums, nor runs of datagrams longer
      // than the link's MTU.
      const int on = 1;
      REQUIRE(::setsockopt(from.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
      std::vector<std::string> sent(20, std::string(1'400, 'x'));
      sent.emplace_back("shorter");
      auto batch = batch_of(sent, where(to.socket));
      for (io::datagram& each : batch) {
        if (any.address().is_v6()) {
          each.peer = {
              {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, each.peer.port, true};
          each.local = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2};
        } else {
          each.local = {127, 0, 0, 2};
        }
      }
      CHECK(io::udp_batch::of_thread().send(from.get(), batch, false) == sent.size());
      CHECK(bench.run_until([&] { return to.got.size() == sent.size(); }));
      CHECK(to.got == sent);
      CHECK(std::ranges::all_of(
          to.peers, [](const ip_endpoint& each) { return to_address(each).host == "127.0.0.2"; }));
    }
  }

  TEST_CASE("a socket that accepts any port of its peer receives from the peer's address only") {
    for (const char* const ip : loopbacks) {
      CAPTURE(ip);
      udp_bench bench;
      inbox first(bench.bind(at(ip)));
      inbox second(bench.bind(at(ip)));
      inbox follower(bench.follow(where(first.socket)));
      CHECK(follower.socket.local().host == ip);
      const std::vector<std::string> asked{"one", "two"};
      CHECK(follower.socket.send(batch_of(asked, at(ip, 9))) == 2);
      CHECK(bench.run_until([&] { return first.got.size() == 2; }));
      CHECK(first.got == asked);

      const std::string from_stranger = "from a stranger";
      if (ip == loopbacks[0]) {
        io::udp_socket stranger = bench.bind(at("127.0.0.2"));
        CHECK(stranger.send(batch_of({from_stranger}, where(follower.socket))) == 1);
      }
      const std::vector<std::string> answers{"from", "another port"};
      CHECK(second.socket.send(batch_of(answers, where(follower.socket))) == 2);
      CHECK(bench.run_until([&] { return follower.got.size() == 2; }));
      CHECK(follower.got == answers);
      // More than one call accepts.
      const auto many = numbers(100);
      CHECK(follower.socket.send(batch_of(many, at(ip, 9))) == many.size());
      CHECK(bench.run_until([&] { return second.got.size() == many.size(); }));
      CHECK(second.got == many);
      CHECK(first.got.size() == 2);
      follower.socket.close();
      CHECK(follower.socket.send(batch_of(many, at(ip, 9))) == 0);
      CHECK(follower.socket.receive().empty());
    }
  }

  TEST_CASE("a send to a closed port reports an error, and no datagram is lost with it") {
    udp_bench bench;
    std::optional<io::udp_socket> listener = bench.bind(at("127.0.0.1"));
    const udp::endpoint there = where(*listener);
    inbox sender(bench.connect(there));
    listener.reset();

    // Each of these may cause an ICMP message, which the system reports at the next call.
    for (int i = 0; i < 5; ++i) sender.socket.send(batch_of(numbers(3), there));
    inbox late(bench.bind(there));
    late.answers = true;
    const auto sent = numbers(20);
    CHECK(sender.socket.send(batch_of(sent, there)) == sent.size());
    CHECK(bench.run_until([&] { return sender.got.size() == sent.size(); }));
    CHECK(late.got == sent);
    CHECK(sender.got == sent);
  }

  TEST_CASE("a pending error hides no datagram that has arrived") {
    udp_bench bench;
    std::optional<io::udp_socket> listener = bench.bind(at("127.0.0.1"));
    const udp::endpoint there = where(*listener);
    io::udp_socket sender = bench.connect(there);
    listener.reset();
    sender.send(batch_of({"to nobody"}, there));
    io::udp_socket late = bench.bind(there);
    CHECK(late.send(batch_of({"hello"}, where(sender))) == 1);
    CHECK(sender.receive().size() == 1);
  }

  TEST_CASE("a port where nobody listens is reported, once for each time that it was asked") {
    udp_bench bench;
    std::optional<io::udp_socket> listener = bench.bind(at("127.0.0.1"));
    const udp::endpoint there = where(*listener);
    io::udp_socket sender = bench.connect(there);
    CHECK_FALSE(sender.take_error());
    listener.reset();
    // The next call learns of it, whichever it is.
    sender.send(batch_of({"to nobody"}, there));
    CHECK(sender.receive().empty());
    CHECK(sender.take_error() == std::errc::connection_refused);
    CHECK_FALSE(sender.take_error());
    sender.send(batch_of({"to nobody"}, there));
    sender.send(batch_of({"to nobody"}, there));
    CHECK(sender.take_error() == std::errc::connection_refused);
    CHECK(sender.receive().empty());
    sender.take_error();
    io::udp_socket late = bench.bind(there);
    sender.send(batch_of({"hello"}, there));
    CHECK_FALSE(sender.take_error());
  }

  TEST_CASE("errors from a closed port cause no busy loop, and other peers are reached") {
    udp_bench bench;
    inbox sender(bench.bind(at("127.0.0.1")));
    std::optional<io::udp_socket> listener = bench.bind(at("127.0.0.1"));
    inbox visitor(bench.connect(where(*listener)));
    listener.reset();
    visitor.socket.send(batch_of({"to nobody"}, at("127.0.0.1", 9)));
    CHECK(bench.run_until([&] { return visitor.calls > 0; }));
    bench.run_ready();
    CHECK(visitor.calls == 1);
    CHECK(visitor.got.empty());

    // An unconnected socket gets no such report.
    const auto payloads = numbers(2);
    auto mixed = batch_of(payloads, where(visitor.socket));
    mixed[0].peer.port = visitor.socket.local().port;
    inbox alive(bench.bind(at("127.0.0.1")));
    mixed[1].peer = batch_of({""}, where(alive.socket)).front().peer;
    CHECK(sender.socket.send(mixed) == 2);
    CHECK(bench.run_until([&] { return alive.got.size() == 1; }));
    CHECK(alive.got.front() == "1");
  }

  TEST_CASE("a datagram that is too long does not block the others") {
    for (const char* const ip : loopbacks) {
      CAPTURE(ip);
      udp_bench bench;
      inbox to(bench.bind(at(ip)));
      const std::string too_long(ip == loopbacks[0] ? 65'508 : 65'528, 'x');
      const std::vector<std::string> payloads{too_long, "1", too_long, too_long, "2", too_long};
      io::udp_socket bound = bench.bind(at(ip));
      io::udp_socket connected = bench.connect(where(to.socket));
      CHECK(bound.send(batch_of(payloads, where(to.socket))) == 2);
      CHECK(connected.send(batch_of(payloads, where(to.socket))) == 2);
      CHECK(bench.run_until([&] { return to.got.size() == 4; }));
      CHECK(to.got == std::vector<std::string>{"1", "2", "1", "2"});
    }
  }

  TEST_CASE("watch calls no callback at once, and unwatch works inside the callback and after it") {
    udp_bench bench;
    io::udp_socket to = bench.bind(at("127.0.0.1"));
    io::udp_socket from = bench.connect(where(to));
    from.send(batch_of(numbers(3), where(to)));
    int calls = 0;
    to.watch([&] {
      ++calls;
      to.unwatch();
    });
    CHECK(calls == 0);
    CHECK(bench.run_until([&] { return calls > 0; }));
    bench.run_ready();
    CHECK(calls == 1);
    CHECK(to.receive().size() == 3);

    // Datagrams that arrive meanwhile are reported later.
    from.send(batch_of(numbers(1), where(to)));
    bench.run_ready();
    CHECK(calls == 1);
    to.watch([&] { calls += static_cast<int>(10 * to.receive().size()); });
    CHECK(bench.run_until([&] { return calls > 1; }));
    CHECK(calls == 11);
  }

  TEST_CASE("close inside the callback: nothing more is received or sent") {
    udp_bench bench;
    io::udp_socket to = bench.bind(at("127.0.0.1"));
    const udp::endpoint there = where(to);
    io::udp_socket from = bench.bind(at("127.0.0.1"));
    from.send(batch_of(numbers(2), there));
    int calls = 0;
    to.watch([&] {
      ++calls;
      to.close();
    });
    CHECK(bench.run_until([&] { return calls > 0; }));
    CHECK_FALSE(to.is_open());
    CHECK(to.receive().empty());
    CHECK(to.send(batch_of(numbers(1), where(from))) == 0);
    // The port is free again.
    io::udp_socket again = bench.bind(there);
    from.send(batch_of(numbers(1), there));
    CHECK(bench.run_until([&] { return !again.receive().empty(); }));
    CHECK(calls == 1);
    to.close();
  }

  TEST_CASE("one socket's callback may close another one that is ready too") {
    udp_bench bench;
    std::array<std::optional<io::udp_socket>, 2> both{bench.bind(at("127.0.0.1")),
                                                      bench.bind(at("127.0.0.1"))};
    io::udp_socket from = bench.bind(at("127.0.0.1"));
    int calls = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      from.send(batch_of(numbers(1), where(*both[i])));
      both[i]->watch([&, i] {
        ++calls;
        both[i]->close();
        both[1 - i].reset();
      });
    }
    CHECK(bench.run_until([&] { return calls > 0; }));
    bench.run_ready();
    CHECK(calls == 1);
  }

  TEST_CASE("a moved socket continues to work") {
    udp_bench bench;
    io::udp_socket first = bench.bind(at("127.0.0.1"));
    const udp::endpoint there = where(first);
    std::vector<std::string> got;
    io::udp_socket second = bench.bind(at("127.0.0.1"));
    io::udp_socket* reads = &first;
    first.watch([&] {
      for (const io::datagram& each : reads->receive()) {
        got.emplace_back(each.payload.begin(), each.payload.end());
      }
    });
    second = std::move(first);
    reads = &second;
    CHECK_FALSE(first.is_open());
    first.close();
    io::udp_socket from = bench.bind(at("127.0.0.1"));
    from.send(batch_of({"hello"}, there));
    CHECK(bench.run_until([&] { return !got.empty(); }));
    CHECK(second.local().port == there.port());
  }

  TEST_CASE("an address that cannot be bound is the system's error") {
    udp_bench bench;
    io::udp_socket taken = bench.bind(at("127.0.0.1"));
    const auto again = io::udp_socket::bind(bench.context.get_executor(), where(taken));
    REQUIRE_FALSE(again);
    CHECK(again.error() == std::errc::address_in_use);
    const auto foreign = io::udp_socket::bind(bench.context.get_executor(), at("192.0.2.1"));
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error() == std::errc::address_not_available);
  }

  TEST_CASE("one port can be bound for IPv4 and then for IPv6") {
    udp_bench bench;
    inbox v4(bench.bind(at("0.0.0.0")));
    const std::uint16_t port = v4.socket.local().port;
    inbox v6(bench.bind(at("::", port)));
    io::udp_socket to_v4 = bench.connect(at("127.0.0.1", port));
    io::udp_socket to_v6 = bench.connect(at("::1", port));
    to_v4.send(batch_of({"four"}, at("127.0.0.1", port)));
    to_v6.send(batch_of({"six"}, at("::1", port)));
    CHECK(bench.run_until([&] { return v4.got.size() + v6.got.size() == 2; }));
    CHECK(v4.got == std::vector<std::string>{"four"});
    CHECK(v6.got == std::vector<std::string>{"six"});
  }

  TEST_CASE("no descriptor is leaked, however a socket ends") {
    const std::size_t before = open_descriptors();
    {
      udp_bench bench;
      const auto run = [&bench] {
        std::optional<io::udp_socket> closed = bench.bind(at("127.0.0.1"));
        std::optional<io::udp_socket> destroyed = bench.bind(at("127.0.0.1"));
        io::udp_socket from = bench.connect(where(*closed));
        io::udp_socket replaced = bench.bind(at("127.0.0.1"));
        replaced.watch([] {});
        replaced = bench.bind(at("127.0.0.1"));
        (void)io::udp_socket::bind(bench.context.get_executor(), where(replaced));
        destroyed->watch([] {});
        closed->watch([&] { closed->close(); });
        from.send(batch_of(numbers(1), where(*closed)));
        CHECK(bench.run_until([&] { return !closed->is_open(); }));
      };
      run();
      const std::size_t usual = open_descriptors();
      for (int i = 0; i < 20; ++i) run();
      CHECK(open_descriptors() == usual);
    }
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("a socket that is not watched does not keep its context running") {
    udp_bench bench;
    inbox once(bench.bind(at("127.0.0.1")));
    once.socket.unwatch();
    // It returns, because there is nothing to wait for.
    bench.context.run();
    CHECK(once.calls == 0);
  }
}

}  // namespace
}  // namespace rathole::test
