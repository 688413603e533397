#include <rathole/core/dial_plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// Addresses are letters; the capitals are IPv6.
std::string ordered(std::string_view found, bool prefer_ipv6) {
  const auto out = in_dial_order(std::vector<char>(found.begin(), found.end()), prefer_ipv6,
                                 [](char each) { return each < 'a'; });
  return {out.begin(), out.end()};
}

using steps = std::vector<std::string>;

struct simulated_dial {
  /// The attempts, as `milliseconds:address`.
  steps dialled;
  /// When the dial ended, if it did.
  std::optional<duration> over;
};

/// Runs four seconds of a dial to addresses, each of which fails at once ('x'), after that many
/// tenths of a second (a digit), or never.
simulated_dial play(std::string_view answers) {
  const time_point start{};
  dial_plan plan(answers.size(), start);
  simulated_dial out;
  std::vector<time_point> failures;
  for (duration elapsed{}; elapsed <= 4s && !out.over; elapsed += 10ms) {
    const time_point now = start + elapsed;
    const auto failed = [&](time_point at) { return at == now; };
    for (auto left = std::ranges::count_if(failures, failed); left > 0; --left) plan.failed();
    while (const auto place = plan.next(now)) {
      out.dialled.push_back(std::to_string(elapsed / 1ms) + ':' + std::to_string(*place));
      const char answer = answers[*place];
      if (answer == 'x') plan.failed();
      if (answer >= '1' && answer <= '9') failures.push_back(now + (answer - '0') * 100ms);
    }
    if (plan.is_over()) out.over = elapsed;
  }
  return out;
}

}  // namespace

TEST_CASE("dial order: families alternate, beginning with the preferred or the first one") {
  struct row {
    std::string_view found;
    std::string_view as_found;
    std::string_view ipv6_first;
  };
  for (const row& each : {row{"", "", ""},
                          {"a", "a", "a"},
                          {"A", "A", "A"},
                          {"aA", "aA", "Aa"},
                          {"Aa", "Aa", "Aa"},
                          {"abc", "abc", "abc"},
                          {"abcA", "aAbc", "Aabc"},
                          {"ABab", "AaBb", "AaBb"},
                          {"abAB", "aAbB", "AaBb"},
                          {"ABCab", "AaBbC", "AaBbC"},
                          {"aABCb", "aAbBC", "AaBbC"}}) {
    CAPTURE(each.found);
    CHECK(ordered(each.found, false) == each.as_found);
    CHECK(ordered(each.found, true) == each.ipv6_first);
  }
}

TEST_CASE("dial plan: when each address is dialled, and when all have failed") {
  struct row {
    const char* what;
    std::string_view answers;
    steps dialled;
    std::optional<duration> over;
  };
  const row rows[] = {
      {"nobody", "", {}, 0ms},
      {"a refusal ends a dial with one address", "x", {"0:0"}, 0ms},
      {"a failure brings the next one at once", "xxx", {"0:0", "0:1", "0:2"}, 0ms},
      {"so does one before the stagger is over",
       "1.",
       {"0:0", "100:1", "1100:0", "2100:1", "3100:0"},
       {}},
      {"silence brings the next one after the stagger, and all of them again",
       "..",
       {"0:0", "250:1", "1250:0", "2250:1", "3250:0"},
       {}},
      {"one that is silent is dialled again",
       ".",
       {"0:0", "1000:0", "2000:0", "3000:0", "4000:0"},
       {}},
      {"no failure hurries what is begun again",
       ".x",
       {"0:0", "250:1", "1250:0", "2250:1", "3250:0"},
       {}},
      {"a failure in the middle", "x..", {"0:0", "0:1", "250:2", "1250:0", "2250:1", "3250:2"}, {}},
      {"a late failure of the last that is open", "x5", {"0:0", "0:1"}, 500ms},
      {"all fail late", "33", {"0:0", "250:1"}, 550ms},
  };
  for (const row& each : rows) {
    CAPTURE(each.what);
    const auto observed = play(each.answers);
    CHECK(observed.dialled == each.dialled);
    CHECK(observed.over == each.over);
  }
}

TEST_CASE("dial plan: attempts replaced by newer ones are not waited for") {
  dial_plan plan(1, time_point());
  time_point now;
  for (std::size_t i = 0; i < 3 * dial_plan::max_open; ++i) {
    REQUIRE(plan.next(now) == 0);
    CHECK_FALSE(plan.next(now));
    CHECK(plan.due() == now + dial_plan::redial_delay);
    now = plan.due();
  }
  for (std::size_t i = 0; i < dial_plan::max_open; ++i) {
    CHECK_FALSE(plan.is_over());
    plan.failed();
  }
  CHECK(plan.is_over());
  CHECK_FALSE(plan.next(now));
}

}  // namespace rathole::test
