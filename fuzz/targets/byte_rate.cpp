// A rate in words, in the first line; the rest are the sizes of what is passed on, and pauses.

#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/byte_rate.hpp>

#include <algorithm>
#include <chrono>
#include <string_view>

using namespace rathole;

namespace {

/// Checks that the bytes that pass keep to the rate.
void check_pace(std::uint64_t rate, std::string_view steps) {
  byte_pacer pacer;
  pacer.set_rate(rate);
  time_point now{};
  double bytes = 0;
  for (const char step : steps) {
    const auto size = static_cast<std::uint8_t>(step);
    if (size % 4 == 0) now += std::chrono::milliseconds(size);
    const std::size_t portion = std::min<std::size_t>(std::size_t{size} * 257, pacer.portion());
    auto given = pacer.ask(now);
    while (!given) {
      const duration wait = pacer.wait(now, size);
      fuzz::check(wait >= byte_pacer::min_wait && wait <= byte_pacer::max_wait);
      now += wait;
      given = pacer.ask(now);
    }
    fuzz::check(given->bytes == pacer.portion());
    pacer.settle(*given, portion);
    const double allowed =
        std::chrono::duration<double>(now - time_point() + byte_pacer::burst).count() *
        static_cast<double>(rate);
    // What is passed on now begins at this moment.
    fuzz::check(bytes <= allowed * 1.000001 + 1);
    bytes += static_cast<double>(portion);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::string_view text = in.line();
  const auto rate = parse_byte_rate(text);
  if (!rate) return 0;
  fuzz::check(text.ends_with("B/s") && text.size() >= 4);
  fuzz::check(parse_byte_rate(byte_rate_text(*rate)) == *rate);
  // What a configuration may have.
  if (*rate >= 1024 && *rate <= std::uint64_t{1} << 40) {
    check_pace(*rate, in.text());
  }
  return 0;
}
