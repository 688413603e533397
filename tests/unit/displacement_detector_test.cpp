#include <rathole/client/displacement_detector.hpp>
#include <rathole/proxy/unreachable.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using client_side::displacement_detector;

/// Always returns the middle of the range.
struct middle {
  void fill(byte_span out) const {
    for (auto& byte : out) byte = 0;
    if (!out.empty()) out.back() = 0x80;
  }
};

/// Simulates that many channels in a row, each of which the server closes after `lasted`.
void cut_short(displacement_detector& seen, std::size_t channels, duration lasted = 500ms) {
  for (std::size_t i = 0; i < channels; ++i) seen.note(errc::end_of_stream, lasted);
}

TEST_CASE(
    "displacement_detector: five short-lived channels in a row are suspicious, four are not") {
  displacement_detector seen;
  cut_short(seen, client_side::displaced_after - 1);
  CHECK_FALSE(seen.is_recurring());
  seen.note(errc::truncated, 500ms);
  CHECK(seen.is_recurring());
  seen.reset();
  CHECK_FALSE(seen.is_recurring());
}

TEST_CASE("displacement_detector: a server that was unreachable in between has restarted") {
  displacement_detector seen;
  for (int i = 0; i < 20; ++i) {
    cut_short(seen, client_side::displaced_after - 1);
    seen.note_failed_attempt();
  }
  CHECK_FALSE(seen.is_recurring());
  cut_short(seen, client_side::displaced_after);
  CHECK(seen.is_recurring());
  seen.note_failed_attempt();
  CHECK_FALSE(seen.is_recurring());
}

TEST_CASE("displacement_detector: a channel that lasted, or broke otherwise, is not suspicious") {
  displacement_detector seen;
  for (int i = 0; i < 5; ++i) {
    seen.note(errc::end_of_stream, 4s);
    seen.note(errc::heartbeat_timed_out, 1s);
    seen.note(std::make_error_code(std::errc::timed_out), 1s);
    seen.note(std::make_error_code(std::errc::connection_reset), 1s);
    seen.note(std::make_error_code(std::errc::broken_pipe), 1s);
  }
  CHECK_FALSE(seen.is_recurring());
  cut_short(seen, client_side::displaced_after - 1);
  seen.note(errc::end_of_stream, 4s);
  cut_short(seen, client_side::displaced_after - 1);
  CHECK_FALSE(seen.is_recurring());
}

TEST_CASE(
    "displacement_detector: the suspicion stays while the other client pauses, and the pauses "
    "grow") {
  displacement_detector seen;
  cut_short(seen, client_side::displaced_after);
  middle rng;
  duration last = 0s;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(seen.is_recurring());
    const duration pause = seen.pause(rng);
    CHECK(pause >= last);
    CHECK(pause <= 12s);
    last = pause;
    seen.note(errc::end_of_stream, 12s);
  }
  CHECK(last >= 8s);
  seen.note(errc::end_of_stream, 61s);
  CHECK_FALSE(seen.is_recurring());
}

TEST_CASE("an unreachable proxy is distinguished from an unreachable server") {
  const auto refused = std::make_error_code(std::errc::connection_refused);
  const auto of_proxy = proxy::unreachable(refused);
  CHECK(of_proxy.category() == proxy::unreachable_category());
  CHECK(of_proxy != refused);
  CHECK(of_proxy.message() == refused.message());
  CHECK(proxy::unreachable(errc::host_not_found).message() ==
        make_error_code(errc::host_not_found).message());
  CHECK(proxy::unreachable(errc::stopped) == errc::stopped);
}

}  // namespace
}  // namespace rathole::test
