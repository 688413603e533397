#include <rathole/server/listening_addresses.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace rathole;
using server_side::listening_addresses;

namespace {

using addresses = std::vector<address>;

const address a("127.0.0.1", 1);
const address b("127.0.0.1", 2);

}  // namespace

TEST_CASE("listening_addresses: lists what is there, each address once, in order") {
  const auto list = std::make_shared<listening_addresses>();
  CHECK(list->of(std::nullopt).empty());
  auto first = list->add(std::nullopt, b);
  const auto second = list->add(std::nullopt, a);
  // A server that takes over a listener has a second handle of it.
  const auto again = list->add(std::nullopt, b);
  CHECK(list->of(std::nullopt) == addresses{b, a});
  first.reset();
  CHECK(list->of(std::nullopt) == addresses{a, b});
  first.reset();
  CHECK(list->of(std::nullopt) == addresses{a, b});
}

TEST_CASE("listening_addresses: keeps services apart, also one with an empty name") {
  const auto list = std::make_shared<listening_addresses>();
  const auto of_clients = list->add(std::nullopt, a);
  CHECK(list->of("").empty());
  const auto of_empty = list->add("", b);
  const auto of_web = list->add("web", a);
  CHECK(list->of(std::nullopt) == addresses{a});
  CHECK(list->of("") == addresses{b});
  CHECK(list->of("web") == addresses{a});
  CHECK(list->of("we").empty());
}

TEST_CASE("listening_addresses: an entry can be moved, and keeps the list alive") {
  auto list = std::make_shared<listening_addresses>();
  listening_addresses::entry kept;
  {
    auto added = list->add("web", a);
    kept = std::move(added);
  }
  CHECK(list->of("web") == addresses{a});
  kept = list->add("web", b);
  CHECK(list->of("web") == addresses{b});
  const std::weak_ptr<listening_addresses> watched = list;
  list.reset();
  CHECK_FALSE(watched.expired());
  kept.reset();
  CHECK(watched.expired());
}
