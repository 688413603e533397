// The listener of a client's program and the streams of its visitors, in virtual time.

#include "support/sim_listener.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::listening_tunnel, test::visit_record;

namespace {

/// What happens to a program in the middle of its work.
enum class incident {
  accept_cancelled,
  read_cancelled,
  write_cancelled,
  write_aborted,
  stream_closed,
  stream_reset,
  stream_destroyed,
  listener_closed,
  listener_drained,
  listener_drained_late,
  service_restarted,
  client_drained,
  client_closed,
  client_shut_down,
  connections_lost,
};

constexpr std::array all_incidents{
    incident::accept_cancelled,      incident::read_cancelled,    incident::write_cancelled,
    incident::write_aborted,         incident::stream_closed,     incident::stream_reset,
    incident::stream_destroyed,      incident::listener_closed,   incident::listener_drained,
    incident::listener_drained_late, incident::service_restarted, incident::client_drained,
    incident::client_closed,         incident::client_shut_down,  incident::connections_lost};

/// Returns whether no visitor may suffer from `what`.
bool is_harmless(incident what) { return what <= incident::write_cancelled; }

/// Returns whether `what` affects only visitors that were not accepted.
bool spares_accepted(incident what) {
  return what == incident::listener_closed || what == incident::listener_drained ||
         what == incident::service_restarted || what == incident::client_drained ||
         what == incident::client_closed;
}

/// Returns whether later visitors are served.
bool serves_later(incident what) {
  return is_harmless(what) || what == incident::write_aborted || what == incident::stream_closed ||
         what == incident::stream_reset || what == incident::stream_destroyed ||
         what == incident::service_restarted || what == incident::connections_lost;
}

/// Returns whether the program's stream ends in order by `what`.
bool ends_stream(incident what) {
  return what == incident::stream_closed || what == incident::stream_destroyed;
}

/// How many steps a sweep usually takes at once.
constexpr std::uint64_t usual_stride = 5;

/// The conditions of a sweep.
struct circumstances {
  circumstances(std::uint64_t random, bool layered, unsigned of_a_thousand, duration delay)
      : seed(random), is_layered(layered), at_once(of_a_thousand), accept_delay(delay) {}

  std::uint64_t seed;
  bool is_layered;
  /// How many of a thousand operations complete at once.
  unsigned at_once;
  /// How long after the visitor the call of `accept` comes.
  duration accept_delay;
};

/// A visit during which something happens to the program.
class disturbed_visit {
 public:
  disturbed_visit(const circumstances& in, incident what)
      : tunnel_(in.seed, in.is_layered), what_(what) {
    tunnel_.world.net().complete_at_once(in.at_once);
    tunnel_.start();
    if (in.accept_delay == duration::zero()) {
      serving_.accept();
    } else {
      tunnel_.world.call_at(tunnel_.world.now() + in.accept_delay, [this] { accept_late(); });
    }
    visit_ = tunnel_.begin_visit();
  }

  /// Lets it happen after `steps` steps, and checks what follows. Returns whether it came after the
  /// end of the visit.
  bool run(std::uint64_t steps) {
    const std::uint64_t end = tunnel_.world.steps() + steps;
    tunnel_.run_until([&] { return tunnel_.world.steps() >= end; });
    const bool was_late = serving_.is_done() && visit_->end;
    had_accepted_ = serving_.has_accepted();
    happen();
    settle();
    check_visit();
    if (serves_later(what_)) tunnel_.serve_next();
    finish();
    return was_late;
  }

  /// Returns whether the visitor was accepted before it happened.
  [[nodiscard]] bool had_accepted() const { return had_accepted_; }

 private:
  test::operation_starter& operations() { return serving_.operations; }

  void accept_late() {
    if (!is_closed_) serving_.accept();
  }

  void happen() {
    auto& connection = serving_.connection;
    switch (what_) {
      case incident::accept_cancelled:
        if (operations().cancel(serving_.accepting)) accepts_again_ = true;
        break;
      case incident::read_cancelled:
        serving_.reads_again = operations().cancel(serving_.reading);
        break;
      case incident::write_cancelled: operations().cancel(serving_.writing); break;
      case incident::write_aborted:
        operations().cancel(serving_.writing, asio::cancellation_type::terminal);
        break;
      case incident::stream_closed:
        if (connection) operations().call([&] { connection->close(); });
        break;
      case incident::stream_reset:
        if (connection) operations().call([&] { connection->reset(); });
        break;
      case incident::stream_destroyed: operations().call([&] { connection.reset(); }); break;
      case incident::listener_closed: close_listener(); break;
      case incident::listener_drained:
        close_listener();
        drain(5min);
        break;
      case incident::listener_drained_late:
        close_listener();
        drain(2ms);
        break;
      case incident::service_restarted:
        // Another token makes another control channel.
        tunnel_.server_settings.services[0].token = secret("another horse");
        tunnel_.client_settings.services[0].token = secret("another horse");
        operations().call([&] {
          tunnel_.server->update(tunnel_.server_settings);
          tunnel_.client->update(tunnel_.client_settings);
        });
        break;
      case incident::client_drained: operations().call([&] { tunnel_.client->drain(); }); break;
      case incident::client_closed: operations().call([&] { tunnel_.client->stop(); }); break;
      case incident::client_shut_down:
        operations().call([&] { tunnel_.client->stop_now(); });
        break;
      case incident::connections_lost:
        operations().call([&] { tunnel_.world.net().lose_connections("client", "server"); });
        break;
    }
  }

  /// Does what `listener::close` does.
  void close_listener() {
    is_closed_ = true;
    auto without = tunnel_.client_settings;
    without.services.clear();
    operations().call([&] {
      serving_.listening->close(errc::stopped);
      tunnel_.client->receive_visitors("web", nullptr);
      tunnel_.client->update(without);
    });
  }

  void drain(duration timeout) {
    drained_ = operations().start(
        [&, this](auto handler) {
          const auto begin = [from = serving_.listening, timeout](auto done, const auto&) {
            from->drain(timeout, std::move(done));
          };
          const io::executor home = tunnel_.bench.client.get_executor();
          embed::start_operation<>(home, home, begin, std::move(handler));
        },
        [this](std::error_code) { CHECK(serving_.listening->stats().active == 0); });
  }

  [[nodiscard]] bool ends_client() const {
    return what_ == incident::client_drained || what_ == incident::client_closed ||
           what_ == incident::client_shut_down;
  }

  /// Runs until nothing of the visit is left.
  void settle() {
    const bool needs_client_end = ends_client();
    if (accepts_again_) {
      REQUIRE(tunnel_.run_until([&] { return serving_.accepting->calls == 1; }, 1s) ==
              sim::outcome::done);
      if (serving_.accepting->error) {
        CHECK(serving_.accepting->error == asio::error::operation_aborted);
        serving_.accept();
      }
    }
    REQUIRE(tunnel_.run_until([&] { return visit_->end.has_value(); }, 60s) == sim::outcome::done);
    if (needs_client_end) {
      REQUIRE(tunnel_.run_until([&] { return tunnel_.client->ended().has_value(); }, 60s) ==
              sim::outcome::done);
      is_closed_ = true;
      tunnel_.end_listener();
    }
    // A call of `accept` may wait for the next visitor, and a late one has begun then.
    tunnel_.world.run_for(1s);
    const bool waits = serving_.accepting && serving_.accepting->calls == 0;
    CHECK(operations().running() == (waits ? 1 : 0));
    if (is_closed_) CHECK_FALSE(waits);
    if (drained_) {
      CHECK(drained_->calls == 1);
      const bool may_be_late = what_ == incident::listener_drained_late;
      if (drained_->error) CHECK((may_be_late && drained_->error == errc::timed_out));
    }
  }

  void check_visit() {
    const std::string& got = visit_->got;
    CHECK(serving_.greeting.starts_with(got));
    CHECK(tunnel_.payload.starts_with(serving_.got));
    if (serving_.has_got_all) CHECK(serving_.got == tunnel_.payload);
    if (serving_.has_accepted() && !*visit_->end) {
      // A visitor must not mistake a broken connection for one that ended in order.
      CHECK((serving_.has_sent_all || ends_stream(what_)));
      CHECK(got.size() == serving_.sent);
      CHECK_FALSE(serving_.was_write_cut);
    }
    const bool is_whole = is_harmless(what_) || (spares_accepted(what_) && had_accepted_);
    if (is_whole) {
      REQUIRE(serving_.has_accepted());
      CHECK_FALSE(*visit_->end);
      CHECK(got == serving_.greeting);
      CHECK(serving_.got == tunnel_.payload);
      CHECK(serving_.is_done());
    }
    for (const auto& each : operations().all) {
      const bool is_expected = !each->error || each->error == asio::error::eof ||
                               each->error == asio::error::operation_aborted || each == drained_;
      // The peer's reset has errors of its own.
      const bool sees_peer = what_ == incident::connections_lost;
      INFO(each->error.message());
      CHECK((is_expected || sees_peer));
      if (is_harmless(what_) && each->error == asio::error::operation_aborted) ++aborted_;
    }
    CHECK(aborted_ <= 1);
    const auto stats = serving_.listening->stats();
    CHECK(stats.active == 0);
    CHECK(stats.waiting == 0);
    CHECK(stats.accepted == static_cast<std::uint64_t>(serving_.accepted));
    CHECK(stats.received == serving_.got.size());
    CHECK(stats.sent == serving_.sent);
  }

  /// Ends everything; nothing may be left.
  void finish() {
    serving_.connection.reset();
    tunnel_.stop_all();
    tunnel_.end_listener();
    CHECK(operations().running() == 0);
    for (const auto& each : operations().all) CHECK(each->calls == 1);
    serving_.accepting = serving_.reading = serving_.writing = drained_ = nullptr;
    for (const auto& each : operations().all) CHECK(each.use_count() == 1);
    CHECK(tunnel_.client->tasks() == 0);
  }

  listening_tunnel tunnel_;
  test::serving_program& serving_ = tunnel_.serving;
  incident what_;
  std::shared_ptr<visit_record> visit_;
  test::operation_pointer drained_;
  bool had_accepted_ = false;
  bool accepts_again_ = false;
  bool is_closed_ = false;
  int aborted_ = 0;
};

/// Describes a visit for a failing check.
std::string describe(const circumstances& in, incident what, std::uint64_t step) {
  return "incident " + std::to_string(static_cast<int>(what)) + " after step " +
         std::to_string(step) + (in.is_layered ? ", layered, " : ", plain, ") +
         std::to_string(in.at_once) + " at once, accepted after " +
         std::to_string(in.accept_delay / 1us) + " us";
}

/// Returns the first step of a sweep of `what`. The incidents begin at different steps, so that
/// together they meet every one.
std::uint64_t first_step(incident what) {
  return static_cast<std::uint64_t>(what) % test::scenario_stride(usual_stride);
}

/// Lets `what` happen at the steps of a visit, up to the accept if that is late; returns how many
/// visits that took.
std::uint64_t sweep(const circumstances& in, incident what) {
  std::uint64_t points = 0;
  for (std::uint64_t step = first_step(what);; step += test::scenario_stride(usual_stride)) {
    REQUIRE(step < 5000);
    ++points;
    INFO(describe(in, what, step));
    disturbed_visit visit(in, what);
    if (visit.run(step)) return points;
    if (in.accept_delay != duration::zero() && visit.had_accepted()) return points;
  }
}

/// Does that for everything that may happen.
std::uint64_t sweep(const circumstances& in) {
  std::uint64_t points = 0;
  for (const incident what : all_incidents) points += sweep(in, what);
  return points;
}

/// Destroys the context after `steps` steps of a visit: no handler is called any more, and all are
/// destroyed. Returns whether that was after the end of the visit.
bool destroy_after(const circumstances& in, std::uint64_t steps) {
  std::vector<test::operation_pointer> all;
  std::vector<int> calls;
  std::weak_ptr<test::serving_program::core_type> core;
  bool was_late = false;
  {
    listening_tunnel tunnel(in.seed, in.is_layered);
    tunnel.world.net().complete_at_once(in.at_once);
    tunnel.start();
    auto& serving = tunnel.serving;
    serving.accept();
    const auto visit = tunnel.begin_visit();
    const std::uint64_t end = tunnel.world.steps() + steps;
    tunnel.run_until([&] { return tunnel.world.steps() >= end; });
    was_late = serving.is_done() && visit->end;
    // One more call waits for a visitor.
    serving.accept();
    tunnel.world.run_for(0s);
    serving.listening->drop_handlers();
    core = serving.listening;
    all = serving.operations.all;
    for (const auto& each : all) calls.push_back(each->calls);
  }
  CHECK(core.expired());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i]->calls == calls[i]);
    CHECK(all[i]->calls <= 1);
    CHECK(all[i].use_count() == 1);
  }
  return was_late;
}

}  // namespace

TEST_CASE("listener: anything may happen at any step of a visit") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  std::uint64_t points = 0;
  for (const bool is_layered : {false, true}) {
    for (const duration delay : {duration(0ms), duration(20ms)}) {
      points += sweep(circumstances(seed, is_layered, 0, delay));
    }
  }
  CHECK(points > 1000);
}

TEST_CASE("listener: anything may happen at any step, also if operations complete at once") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  std::uint64_t points = 0;
  for (const bool is_layered : {false, true}) {
    points += sweep(circumstances(seed, is_layered, 1000, 0s));
  }
  CHECK(points > 500);
}

TEST_CASE("listener: anything may happen at a random step of a random network") {
  for (const auto seed : test::scenario_seeds(500)) {
    REPLAYABLE(seed);
    sim::seeded_rng rng(seed);
    const bool is_layered = rng.between(0, 1) == 1;
    const auto at_once = static_cast<unsigned>(rng.between(0, 2) * 500);
    const auto delay = std::chrono::milliseconds(rng.between(0, 1) * rng.between(0, 40));
    const circumstances in(rng.next(), is_layered, at_once, delay);
    const incident what = all_incidents[rng.between(0, all_incidents.size() - 1)];
    const std::uint64_t step = rng.between(0, 250);
    INFO(describe(in, what, step));
    disturbed_visit(in, what).run(step);
  }
}

TEST_CASE("listener: the context may be destroyed at any step of a visit") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  for (const bool is_layered : {false, true}) {
    const circumstances in(seed, is_layered, 0, 0s);
    bool was_late = false;
    for (std::uint64_t step = 0; !was_late; ++step) {
      CAPTURE(step);
      was_late = destroy_after(in, step);
    }
  }
}

TEST_CASE("listener: a visitor is either accepted or too late, whenever the accept comes") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  int refused = 0;
  int accepted = 0;
  for (std::uint64_t step = 0; refused < 10; ++step) {
    REQUIRE(step < 1000);
    CAPTURE(step);
    listening_tunnel tunnel(seed, false, 8, 3ms);
    tunnel.start();
    auto& serving = tunnel.serving;
    const auto visit = tunnel.begin_visit();
    const std::uint64_t end = tunnel.world.steps() + step;
    tunnel.run_until([&] { return tunnel.world.steps() >= end; });
    serving.accept();
    tunnel.world.run_for(1s);
    const auto stats = serving.listening->stats();
    CHECK(stats.accepted + stats.refused == 1);
    CHECK(stats.waiting == 0);
    REQUIRE(visit->end);
    if (stats.accepted == 1) {
      ++accepted;
      CHECK_FALSE(*visit->end);
      CHECK(visit->got == serving.greeting);
      CHECK(serving.got == tunnel.payload);
    } else {
      ++refused;
      CHECK(*visit->end);
      CHECK(visit->got.empty());
    }
    tunnel.serve_next();
    tunnel.stop_all();
    tunnel.end_listener();
    CHECK(serving.operations.running() == 0);
  }
  CHECK(accepted > 10);
}
