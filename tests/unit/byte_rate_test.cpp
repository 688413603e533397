#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/byte_rate.hpp>
#include <rathole/core/time.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("byte_rate: a number, a unit and a second") {
  struct row {
    std::string_view text;
    std::optional<std::uint64_t> rate;
  };
  const row rows[] = {
      {"10 MiB/s", 10 << 20},
      {"10MiB/s", 10 << 20},
      {"1 B/s", 1},
      {"0 B/s", 0},
      {"3 KiB/s", 3072},
      {"2 GiB/s", std::uint64_t{2} << 30},
      {"5 kB/s", 5000},
      {"5 MB/s", 5'000'000},
      {"5 GB/s", 5'000'000'000},
      {"007 B/s", 7},
      {"9999999999999999999 B/s", 9'999'999'999'999'999'999U},
      {"", {}},
      {"10", {}},
      {"MiB/s", {}},
      {"10 MiB", {}},
      {"10 Mib/s", {}},
      {"10 Mbit/s", {}},
      {"10 mb/s", {}},
      {"10 KB/s", {}},
      {"10  MiB/s", {}},
      {" 10 MiB/s", {}},
      {"10 MiB/s ", {}},
      {"10 MiB /s", {}},
      {"1.5 MiB/s", {}},
      {"-1 MiB/s", {}},
      {"10 /s", {}},
      {"10 MiB/m", {}},
      {"18446744073709 MB/s", 18'446'744'073'709'000'000U},
      {"18446744073709551616 B/s", {}},
      {"18446744073709551615 GiB/s", {}},
      {"17179869184 GiB/s", {}},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(parse_byte_rate(each.text) == each.rate);
    if (each.rate) CHECK(parse_byte_rate(byte_rate_text(*each.rate)) == each.rate);
  }
  CHECK(byte_rate_text(10 << 20) == "10 MiB/s");
  CHECK(byte_rate_text(1536) == "1536 B/s");
  CHECK(byte_rate_text(5'000'000) == "5000000 B/s");
  CHECK(byte_rate_text(0) == "0 B/s");
}

/// Passes portions for `length`, each as soon as the pacer lets it; returns the bytes.
std::uint64_t passed_in(byte_pacer& pacer, duration length, time_point from) {
  std::uint64_t sum = 0;
  for (time_point now = from; now < from + length;) {
    const auto given = pacer.ask(now);
    if (given) {
      pacer.settle(*given, given->bytes);
      sum += given->bytes;
    } else {
      now += pacer.wait(now, 0);
    }
  }
  return sum;
}

TEST_CASE("byte_pacer: bytes pass at the rate, after a burst") {
  for (const std::uint64_t rate : {1024U, 100'000U, 10U << 20, 3'333'333'333U}) {
    CAPTURE(rate);
    byte_pacer pacer;
    pacer.set_rate(rate);
    const std::size_t portion = pacer.portion();
    CHECK(portion >= byte_pacer::min_portion);
    CHECK(portion <= byte_pacer::max_portion);
    for (int i = 0; i < 2; ++i) {
      // A pause gives no more than the burst.
      const time_point begun(i * 1h);
      const auto bytes = static_cast<double>(passed_in(pacer, 10s, begun));
      const auto wanted = static_cast<double>(rate) * 10;
      CHECK(bytes <= wanted * 1.003 + 2 * static_cast<double>(portion));
      CHECK(bytes >= wanted * 0.999 - static_cast<double>(portion));
    }
  }
}

/// Passes `bytes` on again and again, until there is no grant at `now`; returns how often.
std::uint64_t passes_at(byte_pacer& pacer, std::size_t bytes, time_point now) {
  for (std::uint64_t count = 0;; ++count) {
    const auto given = pacer.ask(now);
    if (!given) return count;
    pacer.settle(*given, bytes);
  }
}

TEST_CASE("byte_pacer: single bytes are not for nothing") {
  byte_pacer pacer;
  pacer.set_rate(3'000'000'000);
  const time_point now(1h);
  (void)passes_at(pacer, byte_pacer::max_portion, now);
  // The tokens of 1 ms, but for what the last portion has taken in advance.
  const auto count = passes_at(pacer, 1, now + 1ms);
  CHECK(count > 2'900'000);
  CHECK(count <= 3'000'001);
}

TEST_CASE("byte_pacer: what was granted and not passed on is given back") {
  byte_pacer pacer;
  pacer.set_rate(64 * 1024);
  const time_point now(1h);
  for (int i = 0; i < 10'000; ++i) {
    const auto given = pacer.ask(now);
    REQUIRE(given);
    CHECK(given->bytes == pacer.portion());
    pacer.settle(*given, 0);
  }
  // Until it is settled, others wait for all of it.
  std::vector<byte_pacer::grant> held;
  while (const auto given = pacer.ask(now)) held.push_back(*given);
  CHECK(held.size() == 3);
  for (const auto& given : held) pacer.settle(given, 0);
  CHECK(pacer.ask(now));
}

TEST_CASE("byte_pacer: those who are ahead have their tokens, and the wait is bounded") {
  byte_pacer pacer;
  pacer.set_rate(100'000);
  const time_point now(1h);
  CHECK(passes_at(pacer, 1000, now) == 3);
  CHECK_FALSE(pacer.ask(now));
  CHECK(pacer.wait(now, 0) == 10ms);
  CHECK(pacer.wait(now, 3) == 40ms);
  CHECK(pacer.wait(now, 1000) == byte_pacer::max_wait);
  CHECK(pacer.wait(now + 10ms, 0) == byte_pacer::min_wait);
  CHECK_FALSE(pacer.ask(now + 10ms, 1));
  CHECK(pacer.ask(now + 20ms, 1));
  // What they pass on is less than a portion, so it is soon the turn of the next.
  for (int i = 1; i <= 100; ++i) {
    const time_point later = now + i * 1s;
    const auto given = pacer.ask(later);
    REQUIRE(given);
    pacer.settle(*given, 10);
  }
  CHECK(pacer.wait(now + 100s, 300) < 40ms);
}

TEST_CASE("byte_pacer: without a rate there is no limit, and a new one starts from zero") {
  byte_pacer pacer;
  const time_point now(1h);
  const auto unlimited = pacer.ask(now);
  REQUIRE(unlimited);
  CHECK(unlimited->bytes == byte_pacer::max_portion);
  for (int i = 0; i < 100; ++i) CHECK(pacer.ask(now, 1000));
  CHECK(pacer.portion() == byte_pacer::max_portion);
  pacer.set_rate(1024);
  // A grant of another rate costs nothing.
  pacer.settle(*unlimited, byte_pacer::max_portion);
  const auto slow = pacer.ask(now);
  REQUIRE(slow);
  CHECK_FALSE(pacer.ask(now));
  pacer.set_rate(2048);
  const auto given = pacer.ask(now);
  REQUIRE(given);
  pacer.settle(*slow, byte_pacer::max_portion);
  pacer.settle(*given, 256);
  CHECK(pacer.ask(now + 125ms));
  pacer.set_rate(std::nullopt);
  CHECK(pacer.ask(now));
}

}  // namespace
}  // namespace rathole::test
