// The streams of a multiplexed connection do not delay each other, and a peer cannot block its thread.

#include "support/mux_pair.hpp"

#include <rathole/mux/frame.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using mux::mux_errc;
using test::bytes, test::mixed_bytes, test::read_some, test::read_to_end, test::sim_bench,
    test::sim_connection, test::sim_mux, test::write_and_end;

namespace {

/// Counts the turns of the executor until `done`.
io::task<void> count_turns(io::executor on, std::size_t& turns, const bool& done) {
  while (!done) {
    co_await io::next_turn(on);
    ++turns;
  }
  co_return result<void>{};
}

std::string frame(const mux::frame_header& header) {
  const auto encoded = mux::encode(header);
  return {encoded.begin(), encoded.end()};
}

constexpr mux::frame_header opening(mux::stream_id id) {
  return {mux::frame_type::window_update, mux::flag::syn, id, 0};
}

}  // namespace

TEST_CASE("mux fairness: streams that nobody reads do not delay another one") {
  sim_mux both;
  std::vector<std::pair<io::mux_stream, io::mux_stream>> unread;
  std::vector<test::pending<void>> stuck;
  const std::string much = mixed_bytes(1 << 20, 1);
  for (int count = 0; count < 10; ++count) {
    unread.push_back(both.open());
    stuck.push_back(both.bench.begin(unread.back().first.write(bytes(much))));
  }
  auto [near, far] = both.open();
  const auto writing = both.bench.begin(write_and_end(near, much));
  CHECK(both.bench.get(read_to_end(far)) == much);
  CHECK(both.bench.get(writing).has_value());
  for (const auto& each : stuck) CHECK_FALSE(each->has_value());
  // They lose nothing, however late they are read.
  both.bench.world.run_for(1min);
  const auto late = both.bench.begin(read_some(unread[0].second, 1 << 20));
  CHECK(both.bench.get(late) == much.substr(0, mux::default_initial_window));
}

TEST_CASE("mux fairness: a short message does not wait behind downloads") {
  sim::link_conditions link;
  link.min_delay = link.max_delay = 10ms;
  sim_mux both(1, {}, link);
  std::vector<std::pair<io::mux_stream, io::mux_stream>> downloads;
  std::vector<test::pending<void>> writes;
  std::vector<test::pending<std::string>> reads;
  const std::string much = mixed_bytes(2 << 20, 1);
  // Coroutines refer to the elements.
  downloads.reserve(8);
  for (int count = 0; count < 8; ++count) {
    downloads.push_back(both.open());
    writes.push_back(both.bench.begin(write_and_end(downloads.back().second, much)));
    reads.push_back(both.bench.begin(read_to_end(downloads.back().first)));
  }
  auto [near, far] = both.open();
  both.bench.world.run_for(1s);
  for (int count = 0; count < 20; ++count) {
    const time_point began = both.bench.world.now();
    both.bench.must(near.write(bytes("?")));
    CHECK(both.bench.must(read_some(far)) == "?");
    both.bench.must(far.write(bytes("!")));
    CHECK(both.bench.must(read_some(near)) == "!");
    CHECK(both.bench.world.now() - began <= 3 * 20ms);
  }
  for (const auto& each : writes) CHECK_FALSE(each->has_value());
  for (const auto& each : reads) CHECK(both.bench.get(each) == much);
}

TEST_CASE("mux fairness: tiny frames let other work of the executor run") {
  sim_bench bench;
  sim_connection link(bench);
  const auto tested =
      sim_mux::connection::make(bench.server, std::move(link.far), mux::role::server, {}, {});
  tested->authenticated();
  constexpr std::size_t frames = 5000;
  std::size_t turns = 0;
  std::optional<std::size_t> turns_between;
  bool done = false;
  std::vector<io::mux_stream> accepted;
  tested->set_on_open([&](io::mux_stream opened) {
    accepted.push_back(std::move(opened));
    if (accepted.size() == 1) {
      bench.begin(count_turns(bench.world.get_executor(), turns, done));
    }
    done = accepted.size() == 2;
    if (done) turns_between = turns;
  });
  const auto end = bench.begin(tested->run());
  std::string all = frame(opening(1));
  for (std::size_t count = 0; count < frames; ++count) {
    all += frame({mux::frame_type::data, 0, 1, 0});
  }
  all += frame(opening(3));
  const auto writing = bench.begin(link.near.write(bytes(all)));
  CHECK(bench.get(writing).has_value());
  bench.world.run_for(1s);
  REQUIRE(turns_between);
  // The counting begins a turn late.
  CHECK(*turns_between + 1 >= frames / io::mux_steps_per_turn);
  tested->abort();
  CHECK(bench.get(end).error() == errc::stopped);
}

TEST_CASE("mux fairness: a peer that causes answers and never reads them is cut") {
  sim_bench bench;
  sim::link_conditions narrow;
  narrow.window = 1000;
  bench.world.net().set_conditions(narrow);
  sim_connection link(bench);
  const auto tested =
      sim_mux::connection::make(bench.server, std::move(link.far), mux::role::server, {}, {});
  tested->authenticated();
  std::vector<io::mux_stream> accepted;
  tested->set_on_open([&](io::mux_stream opened) { accepted.push_back(std::move(opened)); });
  const auto end = bench.begin(tested->run());
  // Streams beyond the limit are refused, each with an answer.
  std::string all;
  for (mux::stream_id id = 1; id < 2 * mux::max_queued_answers; id += 2) all += frame(opening(id));
  const auto writing = bench.begin(link.near.write(bytes(all)));
  const auto ended = bench.get(end);
  CHECK((ended.error() == mux_errc::stream_flood || ended.error() == mux_errc::unread_answers));
  CHECK(accepted.size() == mux::default_max_streams);
  CHECK(bench.get(read_some(accepted[0])).error() == ended.error());
  CHECK(bench.world.elapsed() < 1min);
  bench.get(writing);
  accepted.clear();
}
