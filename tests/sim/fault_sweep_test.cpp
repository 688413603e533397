// Runs a tunnel in which one operation fails: each in turn, with each of two errors. The invariants
// of `test::crowd` hold meanwhile, and everything recovers afterwards.

#include "support/sim_crowd.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::crowd, test::visitor_kind, test::offers;

namespace {

/// Runs start, heartbeats, visitors of all kinds, a replacement, a restart during visits, and
/// shutdown; operation `failing` of `host` fails. If it fails before the shutdown, everything must
/// have recovered by then. Returns how many operations the host made.
std::uint64_t life(std::string_view host, std::uint64_t failing, std::errc why) {
  // A seed with few operations: wide windows, long reads.
  crowd simulated(7);
  auto& operations = simulated.world.net().operations(host);
  operations.fail_at(failing, why);
  simulated.begin_fault(test::all_offers);
  simulated.open();
  if (!simulated.runs("server")) simulated.start_server();
  simulated.world.run_for(2s);

  for (const auto& [to, how] :
       {std::pair{0, visitor_kind::slow}, std::pair{1, visitor_kind::half_closing},
        std::pair{2, visitor_kind::trickling}, std::pair{0, visitor_kind::disconnecting}}) {
    simulated.admit(offers[static_cast<std::size_t>(to)], how);
  }
  simulated.world.run_for(1s);
  simulated.start_client("gamma");
  simulated.admit(offers[0], visitor_kind::trickling);
  simulated.world.run_for(2s);
  simulated.stop("gamma", false);

  simulated.admit(offers[1], visitor_kind::trickling);
  simulated.world.run_for(200ms);
  simulated.stop("beta", false);
  simulated.world.run_for(1s);
  simulated.start_client("beta");

  if (failing > 0 && !operations.is_set()) {
    simulated.end_fault(test::all_offers);
    simulated.recover();
  }
  simulated.close();
  return operations.count();
}

}  // namespace

TEST_CASE("fault sweep: a tunnel recovers from the failure of each operation") {
  for (const std::string_view host : {"server", "alpha", "beta", "gamma"}) {
    const std::uint64_t operations = life(host, 0, {});
    CHECK(operations > 10);
    for (std::uint64_t failing = 1; failing <= operations; ++failing) {
      for (const std::errc why : {std::errc::connection_reset, std::errc::too_many_files_open}) {
        CAPTURE(host);
        CAPTURE(failing);
        CAPTURE(std::make_error_code(why).message());
        try {
          life(host, failing, why);
        } catch (const test::violation& what) {
          FAIL_CHECK(std::string(what.what()));
        }
      }
    }
  }
}
