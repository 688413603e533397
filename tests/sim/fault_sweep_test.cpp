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
  crowd town(7);
  auto& operations = town.world.net().operations(host);
  operations.fail_at(failing, why);
  town.begin_trouble(test::all_offers);
  town.open();
  if (!town.runs("server")) town.start_server();
  town.world.run_for(2s);

  for (const auto& [to, how] :
       {std::pair{0, visitor_kind::slow}, std::pair{1, visitor_kind::half_closing},
        std::pair{2, visitor_kind::trickling}, std::pair{0, visitor_kind::disconnecting}}) {
    town.admit(offers[static_cast<std::size_t>(to)], how);
  }
  town.world.run_for(1s);
  town.start_client("gamma");
  town.admit(offers[0], visitor_kind::trickling);
  town.world.run_for(2s);
  town.stop("gamma", false);

  town.admit(offers[1], visitor_kind::trickling);
  town.world.run_for(200ms);
  town.stop("beta", false);
  town.world.run_for(1s);
  town.start_client("beta");

  if (failing > 0 && !operations.is_set()) {
    town.end_trouble(test::all_offers);
    town.recover();
  }
  town.close();
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
