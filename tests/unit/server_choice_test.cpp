#include <rathole/client/server_choice.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using client_side::server_choice;

const address a{"a", 1}, b{"b", 1}, c{"c", 1}, d{"d", 1};

address_list list_of(std::vector<address> all) { return address_list(std::move(all)); }

/// Servers that fail one after the other, and where the next attempt goes after each.
struct failure_row {
  const char* what;
  std::vector<address> servers;
  std::vector<address> failed;
  std::vector<address> next;
};

const failure_row failures[] = {
    {"a single server stays", {a}, {a, a}, {a, a}},
    {"each server in turn, then the first again", {a, b, c}, {a, b, c, a}, {b, c, a, b}},
    {"a late failure of another server changes nothing", {a, b, c}, {a, a, a}, {b, b, b}},
    {"an unknown server changes nothing", {a, b}, {d}, {a}},
};

TEST_CASE("server_choice: failures lead from one server to the next") {
  for (const failure_row& row : failures) {
    CAPTURE(row.what);
    server_choice choice(list_of(row.servers));
    CHECK(choice.current() == row.servers.front());
    for (std::size_t i = 0; i < row.failed.size(); ++i) {
      choice.failed(row.failed[i]);
      CHECK(choice.current() == row.next[i]);
    }
  }
}

TEST_CASE("server_choice: while a service is held, failures of others change nothing") {
  server_choice choice(list_of({a, b}));
  REQUIRE(choice.accepted(a));
  std::optional<server_choice::hold> held;
  held.emplace(choice);
  choice.failed(a);
  CHECK(choice.current() == a);
  CHECK_FALSE(choice.accepted(b));
  CHECK(choice.accepted(a));
  held.reset();
  choice.failed(a);
  CHECK(choice.current() == b);
}

TEST_CASE("server_choice: the first server that accepts a service becomes the current one") {
  server_choice choice(list_of({a, b, c}));
  choice.failed(a);
  CHECK(choice.current() == b);
  CHECK(choice.accepted(a));
  CHECK(choice.current() == a);
  CHECK_FALSE(choice.accepted(d));
}

TEST_CASE("server_choice: after a server was lost, the search begins with the first of the list") {
  server_choice choice(list_of({a, b, c}));
  choice.failed(a);
  choice.failed(b);
  REQUIRE(choice.accepted(c));
  {
    const server_choice::hold held(choice);
  }
  CHECK(choice.current() == c);
  choice.failed(c);
  CHECK(choice.current() == a);
  choice.failed(a);
  CHECK(choice.current() == b);
}

TEST_CASE("server_choice: a server that accepts and breaks twice in a row has failed") {
  using namespace std::chrono_literals;
  server_choice choice(list_of({a, b}));
  const auto accept_and_break = [&](duration lasted) {
    REQUIRE(choice.accepted(a));
    choice.broke(a, lasted);
  };
  accept_and_break(1s);
  CHECK(choice.current() == a);
  // A control channel that lasted resets the count.
  accept_and_break(client_side::settled_after);
  accept_and_break(1s);
  CHECK(choice.current() == a);
  accept_and_break(9s);
  CHECK(choice.current() == b);
  // A server that is not the current one, or that holds another service, changes nothing.
  choice.broke(a, 1s);
  choice.broke(a, 1s);
  CHECK(choice.current() == b);
  const server_choice::hold held(choice);
  for (int i = 0; i < 5; ++i) choice.broke(b, 1s);
  CHECK(choice.current() == b);
}

TEST_CASE("server_choice: new servers") {
  server_choice choice(list_of({a, b}));
  choice.failed(a);
  choice.use(list_of({c, b, a}));
  CHECK(choice.current() == b);
  choice.use(list_of({c, d}));
  CHECK(choice.current() == c);
  CHECK(choice.servers().size() == 2);
}

TEST_CASE("server_choice: whatever happens, a living server is tried within two rounds") {
  std::mt19937 random(1);
  const std::vector<address> all{a, b, c, d};
  for (int round = 0; round < 1000; ++round) {
    server_choice choice(list_of(all));
    const address& alive = all[random() % all.size()];
    for (int i = 0; i < 10; ++i) choice.failed(all[random() % all.size()]);
    std::size_t attempts = 0;
    while (choice.current() != alive && ++attempts < 100) choice.failed(choice.current());
    CHECK(attempts < 2 * all.size());
  }
}

}  // namespace
}  // namespace rathole::test
