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

/// Passes portions for `length`, each when the pacer says; returns the bytes.
std::uint64_t passed_in(byte_pacer& pacer, duration length, std::size_t portion, time_point from) {
  std::uint64_t sum = 0;
  time_point now = from;
  for (;;) {
    now = pacer.take(portion, now);
    if (now >= from + length) return sum;
    sum += portion;
  }
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
      const auto bytes = static_cast<double>(passed_in(pacer, 10s, portion, begun));
      const auto wanted = static_cast<double>(rate) * 10;
      CHECK(bytes <= wanted * 1.003 + 2 * static_cast<double>(portion));
      CHECK(bytes >= wanted * 0.999 - static_cast<double>(portion));
    }
  }
}

TEST_CASE("byte_pacer: single bytes are not for nothing") {
  byte_pacer pacer;
  pacer.set_rate(10'000'000'000);
  const time_point now{};
  while (pacer.take(byte_pacer::max_portion, now) == now) continue;
  const time_point before = pacer.take(1, now);
  for (int i = 0; i < 1'000'000; ++i) (void)pacer.take(1, now);
  CHECK(pacer.take(1, now) - before > 99us);
}

TEST_CASE("byte_pacer: without a rate there is no limit, and a new one begins anew") {
  byte_pacer pacer;
  const time_point now(1h);
  for (int i = 0; i < 100; ++i) CHECK(pacer.take(byte_pacer::max_portion, now) == now);
  CHECK(pacer.portion() == byte_pacer::max_portion);
  pacer.set_rate(1024);
  for (int i = 0; i < 100; ++i) (void)pacer.take(1024, now);
  CHECK(pacer.take(1024, now) > now + 90s);
  pacer.set_rate(2048);
  CHECK(pacer.take(1024, now) == now);
  pacer.set_rate(std::nullopt);
  CHECK(pacer.take(1024, now) == now);
}

}  // namespace
}  // namespace rathole::test
