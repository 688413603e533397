#include <rathole/core/backoff.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// Draws the same number from [0, 1) each time: 0, nearly 1, or a half.
struct fixed_rng {
  std::uint8_t byte;
  std::uint8_t rest;
  void fill(byte_span out) const {
    std::ranges::fill(out, rest);
    out.front() = byte;
  }
};
constexpr fixed_rng lowest{0, 0};
constexpr fixed_rng middle{0x80, 0};
constexpr fixed_rng highest{0xff, 0xff};

std::vector<long> delays(backoff_parameters parameters, fixed_rng rng, int count) {
  backoff retry(parameters);
  std::vector<long> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    out.push_back(std::chrono::round<std::chrono::milliseconds>(retry.next(rng)).count());
  }
  return out;
}

backoff_parameters parameters(duration initial, double randomization, double multiplier,
                              duration maximum) {
  return {initial, randomization, multiplier, maximum};
}

TEST_CASE("backoff: the delays of upstream's control channel") {
  const backoff_parameters one = parameters(500ms, 0.2, 3, 1s);
  CHECK(delays(one, lowest, 3) == std::vector<long>{400, 800, 800});
  CHECK(delays(one, middle, 3) == std::vector<long>{500, 1000, 1000});
  CHECK(delays(one, highest, 3) == std::vector<long>{600, 1200, 1200});
  CHECK(delays(parameters(500ms, 0.2, 3, 10s), middle, 5) ==
        std::vector<long>{500, 1500, 4500, 10000, 10000});
}

TEST_CASE("backoff: the first delay is based on the initial one, even above the maximum") {
  const backoff_parameters data_channel = parameters(500ms, 0.5, 1.5, 100ms);
  CHECK(delays(data_channel, lowest, 3) == std::vector<long>{250, 50, 50});
  CHECK(delays(data_channel, highest, 3) == std::vector<long>{750, 150, 150});
}

TEST_CASE("backoff: without a maximum there is still no busy loop") {
  CHECK(delays(parameters(500ms, 0.2, 3, 0s), middle, 3) == std::vector<long>{500, 100, 100});
  CHECK(delays(parameters(0s, 0, 1, 0s), lowest, 3) == std::vector<long>{100, 100, 100});
}

TEST_CASE("backoff: reset starts over") {
  backoff retry(parameters(500ms, 0, 3, 10s));
  CHECK(retry.next(lowest) == 500ms);
  CHECK(retry.next(lowest) == 1500ms);
  retry.reset();
  CHECK(retry.next(lowest) == 500ms);
}

TEST_CASE("backoff: years do not overflow") {
  backoff retry(parameters(500ms, 0.5, 1000, 24h * 365 * 50));
  for (int i = 0; i < 100; ++i) CHECK(retry.next(highest) > 0s);
  CHECK(retry.next(middle) == 24h * 365 * 50);
}

}  // namespace
}  // namespace rathole::test
