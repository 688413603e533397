// When lost datagrams are reported.

#include "support/sim_world.hpp"

#include <rathole/io/udp/loss_reporter.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace rathole;
using namespace std::chrono_literals;

namespace {

struct reporter_bench : test::sim_bench {
  std::vector<protocol::udp_counters> reports;
  io::udp_loss_reporter<sim::runtime> reporter{
      server, [this](const protocol::udp_counters& since) { reports.push_back(since); }};

  void lose(std::size_t datagrams) {
    reporter.counts.sent += 10;
    reporter.counts.queue_full += datagrams;
    reporter.check();
  }
};

}  // namespace

TEST_CASE("udp loss reporter: without losses nothing is reported") {
  reporter_bench bench;
  bench.lose(0);
  bench.world.run_for(10min);
  bench.reporter.close();
  CHECK(bench.reports.empty());
  CHECK(bench.world.net().in_use() == sim::resource_counts{});
}

TEST_CASE("udp loss reporter: the first loss is reported at once, further ones once per interval") {
  reporter_bench bench;
  bench.lose(3);
  REQUIRE(bench.reports.size() == 1);
  CHECK(bench.reports[0].queue_full == 3);
  CHECK(bench.reports[0].sent == 10);
  for (int i = 0; i < 5; ++i) {
    bench.world.run_for(1s);
    bench.lose(2);
  }
  CHECK(bench.reports.size() == 1);
  bench.world.run_for(io::udp_report_interval);
  REQUIRE(bench.reports.size() == 2);
  CHECK(bench.reports[1].queue_full == 10);
  CHECK(bench.reports[1].sent == 50);

  // After a period without losses the next one is reported at once again.
  bench.world.run_for(2 * io::udp_report_interval);
  CHECK(bench.reports.size() == 2);
  bench.lose(1);
  CHECK(bench.reports.size() == 3);
}

TEST_CASE("udp loss reporter: stopping reports the rest, and then nothing more") {
  reporter_bench bench;
  bench.lose(1);
  bench.lose(4);
  bench.reporter.close();
  REQUIRE(bench.reports.size() == 2);
  CHECK(bench.reports[1].queue_full == 4);
  bench.lose(7);
  bench.world.run_for(10min);
  CHECK(bench.reports.size() == 2);
  CHECK(bench.world.net().in_use() == sim::resource_counts{});
}
