#include "../support/property.hpp"

#include <rathole/io/relay/shutdown.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <variant>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using io::abort_both;
using io::close_both;
using io::end_sending;
using io::relay_limits;
using io::relay_shutdown;
using io::relay_stream;
using io::watch_idle;

/// A relay between two streams that randomly send, accept, end and break. It checks the actions of
/// its `relay_shutdown` against what really happened.
class checked_relay {
 public:
  explicit checked_relay(std::uint64_t seed)
      : random_(seed),
        limits_{random_() % 2 == 0 ? 0s : 60s, random_() % 2 == 0 ? 0s : 20s},
        ends_(limits_) {
    ends_.start();
    if (limits_.idle != 0s) expected_watch_ = watch_idle{limits_.idle, false};
    perform_actions();
  }

  void step() {
    const auto at = random_() % 2 == 0 ? relay_stream::first : relay_stream::second;
    direction& way = to(at);
    switch (random_() % 16) {
      case 0:
      case 1: return read(at);
      case 2: return end_source(at);
      case 3:
      case 4:
      case 5: return accept(at);
      case 6:
      case 7:
        if (way.is_asked) end_sending_of(at);
        return;
      case 8:
        // The stream takes no more bytes, although nobody has asked it to end.
        if (!way.has_ended && random_() % 8 == 0) end_sending_of(at);
        return;
      case 9: return maybe_fail([&] { ends_.broke(at, broken()); }, broken(), at);
      case 10: return maybe_fail([&] { ends_.fail(errc::truncated); }, errc::truncated);
      case 11: return maybe_fail([&] { ends_.stop(); }, errc::stopped);
      case 12:
        if (watched_ == 0s) return;
        return maybe_fail([&] { ends_.was_idle(); }, drains_ ? errc::stopped : errc::timed_out);
      case 13:
        if (random_() % 8 != 0) return;
        ends_.drain(5s);
        drains_ = true;
        return expect_watch();
      default: return;
    }
  }

  /// Polls, or lets more happen first.
  void maybe_perform_actions() {
    if (random_() % 2 == 0) perform_actions();
  }

  void perform_actions() {
    while (const auto action = ends_.poll()) {
      RC_ASSERT_FALSE(finished_);
      std::visit([this](const auto& each) { perform(each); }, *action);
    }
    // Everything that had to be done was done.
    RC_ASSERT_FALSE(expected_watch_.has_value());
    RC_ASSERT(ends_.is_over() == finished_);
    RC_ASSERT(finished_ == (both_have_ended() || reason_.has_value()));
    for (const auto at : {relay_stream::first, relay_stream::second}) {
      const direction& way = to(at);
      const bool is_due = way.source_has_ended && way.held == 0 && !way.is_cut;
      RC_ASSERT(way.is_asked || !is_due || finished_);
    }
  }

 private:
  struct direction {
    /// The bytes that were read and not written yet.
    std::size_t held = 0;
    bool source_has_ended = false;
    bool is_asked = false;
    bool has_ended = false;
    /// Whether the stream has ended our direction without being asked.
    bool is_cut = false;
  };

  static std::error_code broken() { return std::make_error_code(std::errc::connection_reset); }
  direction& to(relay_stream at) { return at == relay_stream::first ? ways_[0] : ways_[1]; }

  void read(relay_stream at) {
    direction& way = to(at);
    if (!way.source_has_ended) way.held += random_() % 3;
  }

  void end_source(relay_stream at) {
    direction& way = to(at);
    const bool was_half_closed = is_half_closed();
    // An end may be reported repeatedly.
    ends_.source_ended(other(at));
    if (way.source_has_ended) return;
    way.source_has_ended = true;
    if (way.held == 0) ends_.all_written(at);
    if (!was_half_closed) expect_watch();
  }

  void accept(relay_stream at) {
    direction& way = to(at);
    way.held -= std::min<std::size_t>(way.held, 1 + random_() % 2);
    if (way.held == 0) ends_.all_written(at);
  }

  void end_sending_of(relay_stream at) {
    direction& way = to(at);
    way.is_cut = !way.is_asked;
    const bool was_half_closed = is_half_closed();
    way.has_ended = true;
    ends_.sending_ended(at);
    if (!was_half_closed) expect_watch();
  }

  template <class F>
  void maybe_fail(F report, std::error_code why, std::optional<relay_stream> at = std::nullopt) {
    if (random_() % 64 != 0) return;
    report();
    if (both_have_ended() || reason_) return;
    reason_ = why;
    first_broke_ = at == relay_stream::first;
  }

  [[nodiscard]] bool both_have_ended() const {
    return std::ranges::all_of(ways_, [](const direction& each) { return each.has_ended; });
  }

  [[nodiscard]] bool is_half_closed() const {
    return std::ranges::any_of(
        ways_, [](const direction& each) { return each.source_has_ended || each.has_ended; });
  }

  void expect_watch() {
    if (finished_) return;
    duration limit = limits_.of(is_half_closed());
    if (drains_) limit = limit == 0s ? duration(5s) : std::min<duration>(limit, 5s);
    if (limit != 0s) expected_watch_ = watch_idle{limit, drains_};
  }

  void perform(const end_sending& action) {
    direction& way = to(action.at);
    RC_ASSERT_FALSE(reason_.has_value());
    RC_ASSERT_FALSE(way.is_asked);
    RC_ASSERT_FALSE(way.has_ended);
    RC_ASSERT(way.source_has_ended);
    RC_ASSERT(way.held == 0);
    RC_ASSERT(action.is_last == to(other(action.at)).has_ended);
    way.is_asked = true;
    // Most streams end our direction at once.
    if (random_() % 2 == 0) end_sending_of(action.at);
  }

  void perform(const watch_idle& action) {
    RC_ASSERT_FALSE(reason_.has_value());
    RC_ASSERT(expected_watch_ == action);
    expected_watch_.reset();
    watched_ = action.limit;
  }

  void perform(const close_both&) {
    RC_ASSERT_FALSE(reason_.has_value());
    finished_ = true;
    expected_watch_.reset();
    for (const direction& each : ways_) RC_ASSERT(each.has_ended);
  }

  void perform(const abort_both& action) {
    RC_ASSERT(reason_.has_value());
    RC_ASSERT(action.reason == *reason_);
    RC_ASSERT(action.first_broke == first_broke_);
    finished_ = true;
    expected_watch_.reset();
  }

  std::mt19937_64 random_;
  relay_limits limits_;
  relay_shutdown ends_;
  std::array<direction, 2> ways_;
  std::optional<watch_idle> expected_watch_;
  duration watched_ = 0s;
  std::optional<std::error_code> reason_;
  bool first_broke_ = false;
  bool drains_ = false;
  bool finished_ = false;
};

TEST_CASE(
    "relay_shutdown: each end is passed on once and after its bytes, and there is one finish") {
  RATHOLE_PROPERTY("laws", [](std::uint64_t seed) {
    std::mt19937_64 seeds(seed);
    for (int relays = 0; relays < 50; ++relays) {
      checked_relay relay(seeds());
      for (int i = 0; i < 100; ++i) {
        relay.step();
        relay.maybe_perform_actions();
      }
      relay.perform_actions();
    }
  });
}

}  // namespace
}  // namespace rathole::test
