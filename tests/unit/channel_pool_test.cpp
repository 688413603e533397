#include <rathole/core/keyed_queue.hpp>
#include <rathole/protocol/channel_pool.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::channel_pool;
using protocol::pool_limits;

constexpr time_point start{1h};

std::string name(const protocol::assign& a) {
  return "assign " + std::to_string(a.visitor) + "-" + std::to_string(a.channel);
}
std::string name(const protocol::request_channel&) { return "request"; }
std::string name(const protocol::refuse& a) { return "refuse " + std::to_string(a.visitor); }
std::string name(const protocol::expire& a) { return "expire " + std::to_string(a.visitor); }
std::string name(const protocol::reject& a) { return "reject " + std::to_string(a.channel); }
std::string name(const protocol::abandon& a) {
  return "abandon " + std::to_string(a.visitor) + "-" + std::to_string(a.channel);
}

const std::error_code dead = make_error_code(errc::end_of_stream);

using names = std::vector<std::string>;

/// Polls until no action is left; returns their names.
names drain(channel_pool& pool, time_point now = start) {
  names out;
  while (const auto action = pool.poll(now)) {
    out.push_back(std::visit([](const auto& a) { return name(a); }, *action));
  }
  return out;
}

pool_limits limits(std::size_t size) {
  pool_limits out;
  out.size = size;
  return out;
}

/// Returns a pool of that size whose channels 100, 101, ... have arrived.
channel_pool filled(pool_limits bounds) {
  channel_pool pool(bounds);
  CHECK(drain(pool).size() == bounds.size);
  for (std::size_t i = 0; i < bounds.size; ++i) pool.channel_arrived(100 + i);
  CHECK(drain(pool).empty());
  return pool;
}

TEST_CASE("channel_pool: upstream's requests: eight at the start, one for each visitor") {
  channel_pool pool;
  CHECK(drain(pool) == names(8, "request"));
  for (std::uint64_t i = 0; i < 8; ++i) pool.channel_arrived(i);
  CHECK(drain(pool).empty());
  pool.visitor_arrived(50, start);
  CHECK(drain(pool) == names{"assign 50-0", "request"});
  pool.visitor_arrived(51, start);
  pool.visitor_arrived(52, start);
  CHECK(drain(pool) == names{"assign 51-1", "assign 52-2", "request", "request"});
  CHECK(pool.idle() == 5);
  CHECK(pool.outstanding() == 3);
}

TEST_CASE("channel_pool: the oldest visitor gets the oldest channel") {
  channel_pool pool(limits(0));
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start);
  CHECK(drain(pool) == names{"request", "request"});
  pool.channel_arrived(7);
  CHECK(drain(pool) == names{"assign 1-7"});
  pool.channel_arrived(8);
  CHECK(drain(pool) == names{"assign 2-8"});
}

TEST_CASE("channel_pool: an idle channel that the peer closed is replaced at once") {
  channel_pool pool = filled(limits(2));
  pool.channel_lost(100);
  CHECK(drain(pool) == names{"request"});
  pool.channel_lost(100);
  CHECK(drain(pool).empty());
  pool.visitor_arrived(1, start);
  CHECK(drain(pool) == names{"assign 1-101", "request"});
  pool.channel_lost(101);
  CHECK(drain(pool).empty());
}

TEST_CASE("channel_pool: channels that keep dying are replaced after growing pauses") {
  channel_pool pool = filled(limits(3));
  std::uint64_t newest = 103;
  const auto lose_newest = [&](time_point now) {
    pool.channel_arrived(newest);
    CHECK(drain(pool, now).empty());
    pool.channel_lost(newest++);
  };
  time_point now = start;
  pool.channel_lost(100);
  CHECK(drain(pool, now) == names{"request"});
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    lose_newest(now);
    CHECK(drain(pool, now).empty());
    CHECK(pool.deadline() == now + pause);
    CHECK(drain(pool, now + pause - 1ns).empty());
    now += pause;
    CHECK(drain(pool, now) == names{"request"});
  }
  now += protocol::loss_window;
  pool.channel_arrived(newest++);
  pool.channel_lost(101);
  CHECK(drain(pool, now) == names{"request"});
}

TEST_CASE("channel_pool: a pause delays no visitor's request") {
  channel_pool pool = filled(limits(3));
  pool.channel_lost(100);
  CHECK(drain(pool) == names{"request"});
  pool.channel_lost(101);
  pool.channel_lost(102);
  CHECK(drain(pool).empty());
  CHECK(pool.outstanding() == 1);
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start);
  CHECK(drain(pool) == names{"request", "request"});
  pool.channel_arrived(103);
  CHECK(drain(pool) == names{"assign 1-103"});
  CHECK(drain(pool, start + 100ms) == names{"request", "request"});
  CHECK(pool.idle() + pool.outstanding() == 4);
}

TEST_CASE("channel_pool: after a dead channel the visitor is first again, with its deadline") {
  pool_limits bounds = limits(2);
  bounds.request_timeout = 60s;
  channel_pool pool = filled(bounds);
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start + 1s);
  CHECK(drain(pool, start + 1s) == names{"assign 1-100", "assign 2-101", "request", "request"});
  pool.visitor_arrived(3, start + 2s);
  CHECK(drain(pool, start + 2s) == names{"request"});

  // Whichever fails first, the oldest visitor is first.
  pool.start_failed(2, dead);
  pool.start_failed(1, dead);
  CHECK(pool.waiting() == 3);
  CHECK(drain(pool, start + 2s) == names{"request", "request"});
  pool.channel_arrived(102);
  pool.channel_arrived(103);
  CHECK(drain(pool, start + 2s) == names{"assign 1-102", "assign 2-103"});
  pool.start_failed(1, dead);
  CHECK(pool.deadline() == start + 10s);
  CHECK(drain(pool, start + 10s)[0] == "expire 1");
}

TEST_CASE("channel_pool: a visitor gets three channels, then it is refused") {
  channel_pool pool = filled(limits(4));
  pool.visitor_arrived(1, start);
  CHECK(drain(pool) == names{"assign 1-100", "request"});
  pool.start_failed(1, dead);
  CHECK(drain(pool) == names{"assign 1-101", "request"});
  pool.start_failed(1, dead);
  CHECK(drain(pool) == names{"assign 1-102", "request"});
  pool.start_failed(1, dead);
  CHECK(drain(pool) == names{"refuse 1"});
  pool.start_failed(1, dead);
  CHECK(drain(pool).empty());
  CHECK(pool.idle() == 1);
  CHECK(pool.outstanding() == 3);
}

TEST_CASE("channel_pool: a visitor whose traffic has started is forgotten") {
  channel_pool pool = filled(limits(2));
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start);
  drain(pool);
  CHECK(pool.starting() == 2);
  pool.started(1);
  CHECK(pool.starting() == 1);
  pool.start_failed(1, dead);
  CHECK(drain(pool).empty());
}

TEST_CASE("channel_pool: a visitor that leaves is forgotten, wherever it is") {
  SUBCASE("while it waits") {
    channel_pool pool(limits(0));
    pool.visitor_arrived(1, start);
    pool.visitor_arrived(2, start);
    CHECK(drain(pool) == names{"request", "request"});
    CHECK(pool.visitor_left(1) == std::nullopt);
    CHECK(pool.waiting() == 1);
    pool.channel_arrived(7);
    CHECK(drain(pool) == names{"assign 2-7"});
    CHECK(pool.visitor_left(1) == std::nullopt);
    CHECK(pool.starting() == 1);
  }
  SUBCASE("while its channel is started, which the owner must then close") {
    channel_pool pool = filled(limits(2));
    pool.visitor_arrived(1, start);
    CHECK(drain(pool) == names{"assign 1-100", "request"});
    CHECK(pool.visitor_left(1) == 100);
    CHECK(pool.starting() == 0);
    pool.started(1);
    pool.start_failed(1, dead);
    CHECK(drain(pool).empty());
    CHECK(pool.idle() == 1);
    CHECK(pool.outstanding() == 1);
  }
  SUBCASE("while it waits again") {
    channel_pool pool = filled(limits(1));
    pool.visitor_arrived(1, start);
    drain(pool);
    pool.start_failed(1, dead);
    CHECK(pool.visitor_left(1) == std::nullopt);
    CHECK(pool.waiting() == 0);
    CHECK(drain(pool).empty());
  }
  SUBCASE("before its refusal is polled") {
    pool_limits bounds = limits(0);
    bounds.max_waiting_visitors = 1;
    channel_pool pool(bounds);
    for (std::uint64_t i = 1; i <= 3; ++i) pool.visitor_arrived(i, start);
    CHECK(pool.visitor_left(2) == std::nullopt);
    CHECK(drain(pool) == names{"refuse 3", "request"});
  }
  SUBCASE("once the session has ended") {
    channel_pool pool = filled(limits(1));
    for (std::uint64_t i = 1; i <= 3; ++i) pool.visitor_arrived(i, start);
    drain(pool);
    pool.stop(dead);
    CHECK(pool.visitor_left(1) == 100);
    CHECK(pool.visitor_left(3) == std::nullopt);
    CHECK(drain(pool) == names{"refuse 2"});
  }
  SUBCASE("and if it is unknown, nothing changes") {
    channel_pool pool = filled(limits(1));
    pool.visitor_arrived(1, start);
    drain(pool);
    pool.started(1);
    CHECK(pool.visitor_left(1) == std::nullopt);
    CHECK(pool.visitor_left(77) == std::nullopt);
    CHECK(drain(pool).empty());
  }
}

TEST_CASE("channel_pool: a visitor that waits too long expires") {
  pool_limits bounds = limits(0);
  bounds.visitor_timeout = 3s;
  channel_pool pool(bounds);
  CHECK(pool.deadline() == std::nullopt);
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start + 1s);
  CHECK(drain(pool, start + 1s) == names{"request", "request"});
  CHECK(pool.deadline() == start + 3s);
  CHECK(drain(pool, start + 3s - 1ns).empty());
  CHECK(drain(pool, start + 3s) == names{"expire 1"});
  CHECK(pool.deadline() == start + 4s);
  CHECK(drain(pool, start + 9s) == names{"expire 2"});
}

TEST_CASE("channel_pool: a channel that arrives at the deadline is still used") {
  channel_pool pool(limits(0));
  pool.visitor_arrived(1, start);
  drain(pool);
  pool.channel_arrived(7);
  CHECK(drain(pool, start + 1h) == names{"assign 1-7"});
}

TEST_CASE("channel_pool: the newest visitor is refused when too many wait or start") {
  pool_limits bounds = limits(1);
  bounds.max_waiting_visitors = 2;
  channel_pool pool = filled(bounds);
  pool.visitor_arrived(1, start);
  CHECK(drain(pool) == names{"assign 1-100", "request"});
  pool.visitor_arrived(2, start);
  pool.visitor_arrived(3, start);
  CHECK(drain(pool) == names{"refuse 3", "request"});
  pool.started(1);
  pool.visitor_arrived(4, start);
  CHECK(drain(pool) == names{"request"});
  CHECK(pool.outstanding() == bounds.max_outstanding());
}

TEST_CASE("channel_pool: a requested channel that does not arrive is requested again") {
  pool_limits bounds = limits(2);
  bounds.request_timeout = 5s;
  channel_pool pool(bounds);
  CHECK(drain(pool) == names(2, "request"));
  CHECK(pool.deadline() == start + 5s);
  pool.channel_arrived(7);
  CHECK(drain(pool, start + 4s).empty());
  CHECK(drain(pool, start + 5s) == names{"request"});
  CHECK(pool.deadline() == start + 10s);
  // The first one arrived after all, so there is one more than the pool needs.
  pool.channel_arrived(8);
  pool.channel_arrived(9);
  CHECK(drain(pool, start + 6s) == names{"reject 9"});
  CHECK(pool.idle() == 2);
  CHECK(pool.deadline() == std::nullopt);
}

TEST_CASE("channel_pool: unanswered requests are repeated ever more rarely") {
  pool_limits bounds = limits(2);
  bounds.request_timeout = 5s;
  bounds.visitor_timeout = 10s;
  channel_pool pool(bounds);
  time_point now = start;
  std::size_t requests = drain(pool, now).size();
  std::vector<duration> pauses;
  time_point last = now;
  while (now < start + 1h) {
    now = pool.deadline().value();
    const std::size_t more = drain(pool, now).size();
    if (more == 0) continue;
    requests += more;
    if (pauses.size() < 6) pauses.push_back(now - last);
    last = now;
  }
  CHECK(pauses == std::vector<duration>{5s, 10s, 15s, 25s, 45s, 65s});
  CHECK(requests < 2 * 65);

  // A visitor's own request is made at once, and repeated while the visitor waits.
  pool.visitor_arrived(1, now + 1s);
  now += 1s;
  const std::size_t own = drain(pool, now).size();
  CHECK(own <= 1);
  CHECK(pool.outstanding() >= 1);

  // As soon as one arrives, all missing channels are requested.
  pool.channel_arrived(7);
  CHECK(drain(pool, now)[0] == "assign 1-7");
  CHECK(pool.outstanding() + pool.idle() == 2);
}

TEST_CASE("channel_pool: it grows by each visitor that finds no channel, and shrinks by halves") {
  pool_limits bounds = limits(2);
  bounds.max_growth = 5;
  channel_pool pool = filled(bounds);
  // Eight visitors at once: two find a channel, and six wait.
  for (std::uint64_t visitor = 1; visitor <= 8; ++visitor) {
    pool.visitor_arrived(visitor, start);
    drain(pool);
  }
  CHECK(pool.waiting() == 6);
  CHECK(pool.outstanding() == 2 + 6 + 5);
  for (std::uint64_t channel = 200; channel < 213; ++channel) pool.channel_arrived(channel);
  drain(pool);
  for (std::uint64_t visitor = 1; visitor <= 8; ++visitor) pool.started(visitor);
  CHECK(pool.counts() == protocol::channel_counts{0, 0, 7, 0});

  // The next burst is served at once.
  for (std::uint64_t visitor = 11; visitor <= 17; ++visitor) {
    pool.visitor_arrived(visitor, start + 1s);
    drain(pool, start + 1s);
  }
  CHECK(pool.counts() == protocol::channel_counts{0, 7, 0, 7});
  for (std::uint64_t channel = 300; channel < 307; ++channel) pool.channel_arrived(channel);
  for (std::uint64_t visitor = 11; visitor <= 17; ++visitor) pool.started(visitor);
  CHECK(drain(pool, start + 1s).empty());

  // The first interval has seen the burst; then half of what was idle all the time goes each time.
  std::vector<std::size_t> idle;
  time_point now = start;
  while (const auto next = pool.deadline()) {
    now = *next;
    drain(pool, now);
    idle.push_back(pool.idle());
  }
  CHECK(idle == std::vector<std::size_t>{7, 4, 3, 2});
  CHECK(now == start + 4 * protocol::pool_shrink_interval);
}

TEST_CASE("channel_pool: what is lost of an additional channel is not replaced") {
  pool_limits bounds = limits(1);
  bounds.max_growth = 3;
  channel_pool pool = filled(bounds);
  for (std::uint64_t visitor = 1; visitor <= 3; ++visitor) {
    pool.visitor_arrived(visitor, start);
    drain(pool);
  }
  // Two of the requested channels arrive for the visitors, and the others never do.
  pool.channel_arrived(200);
  pool.channel_arrived(201);
  drain(pool);
  CHECK(pool.outstanding() == 3);
  CHECK(drain(pool, start + bounds.request_timeout) == names{"request"});
  CHECK(pool.outstanding() == 1);
}

TEST_CASE("channel_pool: a pool that may not grow, or has the size 0, does not") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{2}}) {
    pool_limits bounds = limits(size);
    bounds.max_growth = size == 0 ? 5 : 0;
    channel_pool pool = filled(bounds);
    for (std::uint64_t visitor = 1; visitor <= 8; ++visitor) pool.visitor_arrived(visitor, start);
    drain(pool);
    CHECK(pool.outstanding() == 8);
  }
}

TEST_CASE("channel_pool: surplus channels are kept up to max_idle, and until all have arrived") {
  pool_limits bounds = limits(1);
  bounds.max_idle = 3;
  bounds.visitor_timeout = 10s;
  bounds.request_timeout = 60s;
  channel_pool pool(bounds);
  for (std::uint64_t i = 0; i < 5; ++i) pool.visitor_arrived(i, start);
  CHECK(drain(pool) == names(6, "request"));
  CHECK(drain(pool, start + 10s).size() == 5);
  for (std::uint64_t i = 0; i < 5; ++i) pool.channel_arrived(i);
  CHECK(drain(pool, start + 10s) == names{"reject 4", "reject 3"});
  CHECK(pool.idle() == 3);
  pool.channel_arrived(5);
  CHECK(drain(pool, start + 10s) == names{"reject 5", "reject 2", "reject 1"});
  CHECK(pool.idle() == 1);
}

TEST_CASE("channel_pool: a size above max_idle does not request indefinitely") {
  pool_limits bounds = limits(5);
  bounds.max_idle = 2;
  channel_pool pool(bounds);
  CHECK(drain(pool) == names(2, "request"));
  pool.channel_arrived(0);
  pool.channel_arrived(1);
  CHECK(drain(pool).empty());
  CHECK(bounds.max_outstanding() == 2 + protocol::default_max_waiting_visitors);
}

TEST_CASE("channel_pool: a queue of length 0 refuses everybody") {
  pool_limits bounds = limits(1);
  bounds.max_waiting_visitors = 0;
  channel_pool pool = filled(bounds);
  pool.visitor_arrived(1, start);
  CHECK(drain(pool) == names{"refuse 1"});
}

TEST_CASE("channel_pool: new limits apply at once, but refuse no visitor already accepted") {
  pool_limits bounds = limits(2);
  bounds.visitor_timeout = 60s;
  channel_pool pool = filled(bounds);

  bounds.size = 4;
  pool.set_limits(bounds);
  CHECK(drain(pool) == names(2, "request"));
  pool.channel_arrived(102);
  pool.channel_arrived(103);
  bounds.size = 1;
  pool.set_limits(bounds);
  CHECK(drain(pool) == names{"reject 103", "reject 102", "reject 101"});
  pool.channel_lost(100);
  bounds.size = 0;
  pool.set_limits(bounds);
  CHECK(drain(pool).empty());

  for (const std::uint64_t visitor : {1U, 2U, 3U}) pool.visitor_arrived(visitor, start);
  CHECK(drain(pool) == names(3, "request"));
  bounds.max_waiting_visitors = 1;
  pool.set_limits(bounds);
  CHECK(drain(pool).empty());
  pool.visitor_arrived(4, start);
  CHECK(drain(pool) == names{"refuse 4"});
  CHECK(pool.waiting() == 3);
}

TEST_CASE("channel_pool: a new time-out applies to waiting visitors too") {
  pool_limits bounds = limits(0);
  bounds.visitor_timeout = 60s;
  bounds.request_timeout = 1h;
  channel_pool pool(bounds);
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start + 20s);
  drain(pool, start + 20s);
  bounds.visitor_timeout = 10s;
  pool.set_limits(bounds);
  CHECK(pool.deadline() == start + 10s);
  CHECK(drain(pool, start + 21s) == names{"expire 1"});
  pool.visitor_arrived(3, start + 22s);
  CHECK(drain(pool, start + 30s) == names{"expire 2"});
  CHECK(pool.deadline() == start + 32s);
}

TEST_CASE("channel_pool: a smaller pool drops its delayed replacements") {
  pool_limits bounds = limits(4);
  channel_pool pool = filled(bounds);
  pool.channel_lost(100);
  CHECK(drain(pool) == names{"request"});
  for (const std::uint64_t channel : {101U, 102U, 103U}) pool.channel_lost(channel);
  CHECK(drain(pool).empty());
  bounds.size = 1;
  pool.set_limits(bounds);
  CHECK(drain(pool).empty());
  CHECK(pool.outstanding() == 1);
  bounds.size = 2;
  pool.set_limits(bounds);
  CHECK(drain(pool).empty());
  CHECK(drain(pool, start + protocol::replacement_pause) == names{"request"});
}

/// One row of a table: what happens in a state of the pool, and which actions follow.
struct row {
  const char* state;
  std::function<void(channel_pool&)> before;
  std::function<void(channel_pool&)> event;
  duration later;
  std::vector<protocol::pool_action> actions;
};

TEST_CASE("channel_pool: what follows each event in each state") {
  const auto nothing = [](channel_pool&) {};
  const auto visitor = [](channel_pool& pool) { pool.visitor_arrived(1, start); };
  const auto channel = [](channel_pool& pool) { pool.channel_arrived(9); };
  const auto both = [&](channel_pool& pool) {
    visitor(pool);
    channel(pool);
  };
  const auto started = [](channel_pool& pool) { pool.started(1); };
  const auto failed = [](channel_pool& pool) { pool.start_failed(1, dead); };
  const auto lost = [](channel_pool& pool) { pool.channel_lost(9); };
  const auto newest = [](channel_pool& pool) {
    pool.refuse_newest(std::make_error_code(std::errc::too_many_files_open));
  };
  const auto stopped = [](channel_pool& pool) { pool.stop(dead); };
  const protocol::request_channel request;
  const protocol::assign matched{1, 9};
  const protocol::refuse out_of_files{1, std::make_error_code(std::errc::too_many_files_open)};
  const row table[] = {
      {"empty", nothing, visitor, {}, {request}},
      {"empty", nothing, channel, {}, {protocol::reject{9}}},
      {"empty", nothing, started, {}, {}},
      {"empty", nothing, failed, {}, {}},
      {"empty", nothing, lost, {}, {}},
      {"empty", nothing, newest, {}, {}},
      {"empty", nothing, stopped, {}, {}},
      {"a visitor waits", visitor, channel, {}, {matched}},
      {"a visitor waits", visitor, newest, {}, {out_of_files}},
      {"a visitor waits", visitor, nothing, 5s, {request}},
      {"a visitor waits", visitor, nothing, 10s, {protocol::expire{1}}},
      {"a visitor waits", visitor, failed, {}, {}},
      {"a visitor waits", visitor, stopped, {}, {protocol::refuse{1, dead}}},
      {"a channel starts", both, started, {}, {}},
      {"a channel starts", both, failed, {}, {request}},
      {"a channel starts", both, lost, {}, {}},
      {"a channel starts", both, newest, {}, {}},
      {"a channel starts", both, nothing, 1h, {}},
      {"a channel starts", both, stopped, {}, {protocol::abandon{1, 9, dead}}},
      {"stopped", stopped, visitor, {}, {protocol::refuse{1, dead}}},
      {"stopped", stopped, channel, {}, {protocol::reject{9}}},
      {"stopped", stopped, both, {}, {protocol::reject{9}, protocol::refuse{1, dead}}},
      {"stopped", stopped, stopped, {}, {}},
  };
  for (const row& each : table) {
    CAPTURE(each.state);
    CAPTURE(&each - table);
    channel_pool pool(limits(0));
    each.before(pool);
    drain(pool);
    each.event(pool);
    std::vector<protocol::pool_action> actions;
    while (const auto action = pool.poll(start + each.later)) actions.push_back(*action);
    CHECK(actions == each.actions);
  }
}

TEST_CASE("channel_pool: a refusal says why") {
  pool_limits bounds = limits(3);
  bounds.max_waiting_visitors = 1;
  channel_pool pool = filled(bounds);
  pool.visitor_arrived(1, start);
  pool.visitor_arrived(2, start);
  CHECK(pool.poll(start) == protocol::pool_action(protocol::refuse{2, errc::limit_reached}));
  for (unsigned i = 0; i < protocol::max_start_attempts; ++i) {
    CHECK(std::holds_alternative<protocol::assign>(pool.poll(start).value()));
    pool.start_failed(1, dead);
  }
  CHECK(pool.poll(start) == protocol::pool_action(protocol::refuse{1, dead}));
}

TEST_CASE("channel_pool: the end closes every channel, and then every visitor, once") {
  pool_limits bounds = limits(2);
  bounds.max_waiting_visitors = 4;
  channel_pool pool = filled(bounds);
  for (const std::uint64_t visitor : {1U, 2U}) pool.visitor_arrived(visitor, start);
  CHECK(drain(pool) == names{"assign 1-100", "assign 2-101", "request", "request"});
  pool.started(1);
  for (const std::uint64_t visitor : {3U, 4U, 5U, 6U}) pool.visitor_arrived(visitor, start);
  const std::error_code reason = errc::stopped;
  pool.stop(reason);
  CHECK(pool.deadline() == std::nullopt);
  CHECK(pool.counts() == protocol::channel_counts{3, 1, 0, 0});
  CHECK(drain(pool) == names{"abandon 2-101", "refuse 6", "refuse 3", "refuse 4", "refuse 5"});
  CHECK(pool.counts() == protocol::channel_counts{});

  // The owner may not have heard of the end yet.
  pool.start_failed(2, dead);
  pool.channel_lost(101);
  pool.set_limits(limits(8));
  CHECK(drain(pool, start + 1h).empty());
  CHECK(pool.deadline() == std::nullopt);
}

TEST_CASE("keyed_queue: in the order of tickets, with removal by key") {
  keyed_queue<int, char> queue;
  queue.insert(5, 50, 'e');
  queue.insert(1, 10, 'a');
  queue.insert(3, 30, 'c');
  CHECK(queue.size() == 3);
  CHECK(queue.front().key == 10);
  CHECK(queue.erase(10));
  CHECK_FALSE(queue.erase(10));
  CHECK_FALSE(queue.contains(10));
  queue.insert(2, 20, 'b');
  CHECK(queue.pop_front().value == 'b');
  CHECK(queue.pop_back().value == 'e');
  CHECK(queue.pop_front().value == 'c');
  CHECK(queue.empty());
  queue.insert(1, 10, 'z');
  CHECK(queue.front().value == 'z');
}

}  // namespace
}  // namespace rathole::test
