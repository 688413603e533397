#include "support/sim_crowd.hpp"
#include "support/sim_udp_visitors.hpp"

#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t clients_port = 2333;
constexpr std::size_t greeting_size = 3000;
constexpr std::size_t number_size = 4;
constexpr std::size_t most_present = 12;
constexpr std::size_t most_udp_present = 6;

std::size_t index_of(const offer& of) { return static_cast<std::size_t>(&of - offers.data()); }

std::string greeting(const offer& of) {
  return of.how == response_mode::greets_first ? pattern(greeting_size) : std::string();
}

duration milliseconds_between(sim::seeded_rng& rng, std::uint64_t low, std::uint64_t high) {
  return std::chrono::milliseconds(rng.between(low, high));
}

/// A UDP service has at least one data channel.
std::size_t udp_channels(const config::pool_options& pool) {
  return std::max<std::size_t>(pool.size, 1);
}

config::server_service server_side(const offer& of, const config::pool_options& pool) {
  config::server_service out;
  out.name = of.name;
  out.bind_addr = {"0.0.0.0", of.port};
  out.token = secret("token of " + out.name);
  out.pool = pool;
  if (is_udp(of)) {
    out.kind = config::service_kind::udp;
    out.pool.size = udp_channels(pool);
  }
  return out;
}

config::client_service client_side(const offer& of) {
  config::client_service out;
  out.name = of.name;
  out.local_addr = {"lan", of.port};
  if (is_udp(of)) out.kind = config::service_kind::udp;
  out.token = secret("token of " + out.name);
  return out;
}

}  // namespace

std::string answered(const offer& of, std::string_view received) {
  std::string out(received);
  for (char& c : out) c = static_cast<char>(c ^ static_cast<char>(0x11 * (index_of(of) + 1)));
  return out;
}

crowd::crowd(std::uint64_t seed)
    : bench(seed),
      rng(seed),
      visitors_(world.make_runtime("visitor")),
      lan_(world.make_runtime("lan")),
      datagrams_(std::make_unique<udp_visitors>(*this)) {
  sim::link_conditions rough;
  rough.max_delay = milliseconds_between(rng, 5, 80);
  rough.max_read = rng.between(1'000, 20'000);
  rough.window = window_ = rng.between(2'000, 100'000);
  world.net().set_conditions(rough);

  config::pool_options pool;
  pool.size = rng.between(0, 4);
  if (rng.between(0, 1)) pool.max_idle = pool.size + rng.between(1, 3);
  pool.max_size = pool.size + rng.between(0, 4);
  if (rng.between(0, 1)) pool.max_waiting_visitors = rng.between(2, 6);
  udp_channels_ = udp_channels(pool);
  server_settings_.bind_addr = {"0.0.0.0", clients_port};
  for (const offer& of : offers) server_settings_.services.push_back(server_side(of, pool));
  server_settings_.heartbeat_interval = std::chrono::seconds(rng.between(1, 30));
  client_settings_.remote_addr = {"server", clients_port};
  client_settings_.heartbeat_timeout = server_settings_.heartbeat_interval + 10s;
  if (rng.between(0, 1)) client_settings_.max_dials = rng.between(2, 6);

  auto& net = world.net();
  for (const auto name : {"alpha", "beta", "gamma", "mallory"}) {
    client_hosts_.push_back(
        {name, &net.held("server", name), &net.held(name, "server"), &net.held(name, "lan")});
  }
  from_visitors_ = &net.held("server", "visitor");
  check_pool_ = [this](const config::server_service& service, const protocol::channel_counts& in) {
    const config::pool_options& most = service.pool;
    if (service.kind == config::service_kind::udp) {
      if (in.waiting + in.starting > most.size || in.idle > most.size) {
        report_problem(service.name + ": more data channels than configured");
      }
      return;
    }
    const std::size_t ready = std::min(std::max(most.size, most.max_size), most.max_idle);
    const std::size_t requests = ready + most.max_waiting_visitors;
    if (in.waiting + in.starting > most.max_waiting_visitors) {
      report_problem(service.name + ": more visitors wait than may");
    }
    if (in.idle > most.max_idle)
      report_problem(service.name + ": more data channels idle than may");
    if (in.outstanding > requests)
      report_problem(service.name + ": more channels requested than may");
  };
  world.watch([this](bool settled) { look(settled); });
}

crowd::~crowd() = default;

// Programs.

crowd::started& crowd::latest(std::string_view host) {
  return *std::find_if(programs_.rbegin(), programs_.rend(),
                       [&](const started& one) { return one.host == host; });
}

// Destroys the programs that ended on that host, because a long run has many.
void crowd::destroy_ended(std::string_view host) {
  const auto gone = [&](const started& one) {
    if (one.host != host || !one.is->ended() || one.is->tasks() > 0) return false;
    const auto& lines = one.is->events.lines();
    earlier_lines_.insert(earlier_lines_.end(), lines.begin(), lines.end());
    return true;
  };
  std::erase_if(programs_, gone);
}

void crowd::start_server() {
  destroy_ended("server");
  programs_.push_back({"server", 0, 0, run_server(world, "server", server_settings_)});
  programs_.back().is->events.also_notify([this](const sim::recorded& event) { on_event(event); });
}

void crowd::start_client(std::string_view host) {
  destroy_ended(host);
  config::client settings = client_settings_;
  for (const offer& of : offers) {
    if (of.client == host || host == "mallory") settings.services.push_back(client_side(of));
  }
  if (host == "gamma") settings.services.push_back(client_side(offers[0]));
  if (host == "mallory") {
    for (auto& service : settings.services) service.token = secret("a guess");
    settings.services.back().name = "unheard-of";
  }
  const std::size_t services = settings.services.size();
  const auto udp_services = static_cast<std::size_t>(std::ranges::count(
      settings.services, config::service_kind::udp, &config::client_service::kind));
  programs_.push_back(
      {std::string(host), services, udp_services, run_client(world, host, settings)});
  ++starts_[std::string(host)];
}

void crowd::stop(std::string_view host, bool at_once) {
  started& one = latest(host);
  one.stopped = true;
  if (at_once) {
    one.is->stop_now();
  } else {
    one.is->stop();
  }
}

std::size_t crowd::starts(std::string_view host) const {
  const auto of_host = starts_.find(host);
  return of_host == starts_.end() ? 0 : of_host->second;
}

bool crowd::runs(std::string_view host) { return !latest(host).is->ended(); }

void crowd::on_event(const sim::recorded& event) {
  const auto of = std::ranges::find(offers, event.service, &offer::name);
  if (event.name == "control_channel_established") ++sessions_;
  if (event.name == "control_channel_closed") {
    --sessions_;
    if (healthy(*of)) {
      report_problem(std::string(of->name) +
                     ": the control channel ended on a healthy path: " + event.error.message());
    }
  }
  if (event.name == "forward_started") {
    ++forwards_;
    forwarded_.insert(event.visitor->port);
  }
  if (event.name == "forward_ended") --forwards_;
  if (event.name == "visitor_refused" && event.error == errc::limit_reached) {
    refused_at_limit_.insert(event.visitor->port);
    latest("server").is->for_each_pool(
        [&](const config::server_service& service, const protocol::channel_counts& in) {
          if (service.name != event.service) return;
          if (in.waiting + in.starting < service.pool.max_waiting_visitors) {
            report_problem(service.name + ": a visitor was refused where there was room");
          }
        });
  }
}

// Checks at every step.

void crowd::report_problem(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

void crowd::look(bool settled) {
  check_pools();
  if (settled) check_owners();
  if (problem_.empty()) return;
  const std::chrono::duration<double> now = world.elapsed();
  throw violation("step " + std::to_string(world.steps()) + ", " + std::to_string(now.count()) +
                  " s: " + problem_);
}

void crowd::check_pools() {
  for (const started& one : programs_) {
    if (one.services == 0 && !one.stopped) one.is->for_each_pool(check_pool_);
  }
}

std::size_t crowd::unaccepted(bool clients) {
  std::size_t count = 0;
  for (const auto& [port, listening] : world.net().at("server").listeners) {
    if ((port == clients_port) == clients) count += listening->waiting.size();
  }
  return count;
}

void crowd::check_owners() {
  for (client_host& at : client_hosts_) at.tasks = at.services = at.udp_services = 0;
  std::size_t server_tasks = 0;
  std::size_t waiting = 0;
  for (const started& one : programs_) {
    if (one.services == 0) {
      server_tasks += one.is->tasks();
      one.is->for_each_pool([&](const auto& of, const protocol::channel_counts& in) {
        if (of.kind == config::service_kind::tcp) waiting += in.waiting + in.starting;
      });
    } else {
      client_host& at = *std::ranges::find(client_hosts_, one.host, &client_host::name);
      at.tasks += one.is->tasks();
      if (!one.stopped) at.services += one.services;
      if (!one.stopped) at.udp_services += one.udp_services;
    }
  }
  std::size_t from_clients = 0;
  for (const client_host& at : client_hosts_) {
    from_clients += *at.at_server;
    check_client(at);
  }
  const auto expect = [&](const char* what, std::size_t open, std::size_t owned,
                          std::size_t without = 0) {
    if (open <= owned && owned - open <= without) return;
    report_problem(std::string(what) + ": " + std::to_string(open) + " open, " +
                   std::to_string(owned) + " owned");
  };
  // Each session has a second coroutine, which listens for visitors; one listens for clients. The
  // coroutine of a data channel of a UDP service may end later than its connection.
  const auto& listeners = world.net().at("server").listeners;
  const auto for_clients = listeners.find(clients_port);
  const std::size_t accepting =
      for_clients == listeners.end() ? 0 : for_clients->second->handles.size();
  expect("the server's connections to clients", from_clients - unaccepted(true),
         server_tasks - sessions_ - accepting, udp_offers * udp_channels_);
  expect("the server's connections to visitors", *from_visitors_ - unaccepted(false),
         waiting + forwards_);
}

void crowd::check_client(const client_host& at) {
  const auto wrong = [&](const char* what) { report_problem(std::string(at.name) + ": " + what); };
  if (*at.to_server > at.tasks) wrong("more connections to the server than coroutines");
  if (at.tasks < at.services + *at.to_lan) {
    wrong("more connections to local services than forwards");
  } else if (at.tasks - at.services - *at.to_lan >
             at.services * client_settings_.max_dials + at.udp_services * (1 + udp_channels_)) {
    wrong("more data channels dial and wait than may");
  }
}

// Paths.

void crowd::begin_fault(offer_set which) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if ((which >> i & 1U) == 0) continue;
    ++paths_[i].faults;
    ++paths_[i].epoch;
  }
}

void crowd::end_fault(offer_set which) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if ((which >> i & 1U) == 0) continue;
    --paths_[i].faults;
    paths_[i].calm_since = world.now();
  }
}

std::optional<std::uint64_t> crowd::healthy(const offer& of) {
  const path& on = paths_[index_of(of)];
  if (on.faults > 0 || world.now() < on.calm_since + settling) return std::nullopt;
  bool exists = false;
  latest("server").is->for_each_pool([&](const config::server_service& service, const auto&) {
    exists = exists || service.name == of.name;
  });
  const sim::host& server = world.net().at("server");
  const bool open =
      is_udp(of) ? server.mailboxes.contains(of.port) : server.listeners.contains(of.port);
  if (!exists || !open) return std::nullopt;
  return on.epoch;
}

std::uint64_t crowd::epoch(const offer& of) const { return paths_[index_of(of)].epoch; }

// Visitors.

void crowd::let_visitors_come(bool on, duration max_pause) {
  coming_ = on;
  max_pause_ = max_pause;
  if (on) visitors_arrive();
}

void crowd::visitors_arrive() {
  if (!coming_) return;
  const offer& to = offers[rng.between(0, offers.size() - 1)];
  if (is_udp(to)) {
    if (datagrams_->present() < most_udp_present) datagrams_->admit(to, rng.between(1, 10));
  } else if (present_ < most_present) {
    admit(to, static_cast<visitor_kind>(rng.between(0, 5)));
  }
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(max_pause_);
  const auto pause = milliseconds_between(rng, 1, static_cast<std::uint64_t>(longest.count()));
  world.call_at(world.now() + pause, [this] { visitors_arrive(); });
}

void crowd::admit(const offer& to, visitor_kind how) {
  const auto number = static_cast<std::uint32_t>(visitor_states_.size());
  visitor_state& me = visitor_states_.emplace_back();
  me.to = &to;
  me.how = how;
  std::size_t size = number_size + rng.between(0, rng.between(0, 5) == 0 ? 40'000 : 3'000);
  if (how == visitor_kind::silent) size = 0;
  me.question = pattern(size);
  std::memcpy(me.question.data(), &number, std::min(size, number_size));
  me.answer = greeting(to) + answered(to, me.question);
  me.healthy = healthy(to);
  ++present_;
  bench.tasks.spawn(run_visitor(me, rng.next()));
}

io::awaitable<void> crowd::pause(duration length) {
  io::event wake(world.get_executor());
  co_await io::sleep_until(visitors_, world.now() + length, wake);
}

io::awaitable<void> crowd::run_visitor(visitor_state& me, std::uint64_t seed) {
  sim::seeded_rng visit_rng(seed);
  const address at{"server", me.to->port};
  const io::socket_options none;
  auto stream = co_await visitors_.connect(at, none, world.now() + 10s, std::stop_token());
  if (!stream) {
    check_result(me, failure(stream.error()));
    co_return;
  }
  me.port = stream->local().port;
  const auto disconnect = [&me, &stream, abrupt = visit_rng.between(0, 1) == 1] {
    me.left = true;
    if (abrupt) {
      stream->abort();
    } else {
      me.ended_sending = true;
      stream->close();
    }
  };
  std::optional<io::alarm<sim::runtime>> leaving;
  if (me.how == visitor_kind::disconnecting || me.how == visitor_kind::silent) {
    leaving.emplace(visitors_, world.now() + milliseconds_between(visit_rng, 0, 3000), disconnect);
  }
  io::task_group sending(world.get_executor());
  if (me.how != visitor_kind::silent) sending.spawn(send_request(me, *stream, visit_rng.next()));
  if (me.how == visitor_kind::half_closing)
    co_await pause(milliseconds_between(visit_rng, 1, 2000));
  const auto ended = co_await listen(me, *stream, visit_rng.next());
  stream->close();
  co_await sending.join();
  check_result(me, ended);
}

io::awaitable<void> crowd::send_request(visitor_state& me, sim::stream& to, std::uint64_t seed) {
  sim::seeded_rng visit_rng(seed);
  const bool trickles = me.how == visitor_kind::trickling;
  // What may be in flight: six windows, and one read of each relay in both directions and of the
  // service.
  const std::size_t on_the_way = 11 * window_;
  std::string_view rest = me.question;
  while (!rest.empty()) {
    const std::size_t most = trickles ? visit_rng.between(number_size, 1500) : 4000;
    const std::string_view piece = rest.substr(0, most);
    const auto sent = co_await to.write(bytes(piece));
    if (!sent) co_return;
    me.given += piece.size();
    rest.remove_prefix(piece.size());
    const std::size_t answerable = me.given + (me.answer.size() - me.question.size());
    if (me.to->how != response_mode::answers_late && answerable > me.got + on_the_way) {
      report_problem("the tunnel holds more of visitor " + std::to_string(me.port) +
                     " than its windows");
    }
    if (trickles) co_await pause(milliseconds_between(visit_rng, 1, 300));
  }
  me.ended_sending = true;
  co_await to.shutdown_send();
}

io::task<void> crowd::listen(visitor_state& me, sim::stream& from, std::uint64_t seed) {
  sim::seeded_rng visit_rng(seed);
  std::array<std::uint8_t, 16 * 1024> buffer;
  for (;;) {
    const bool slowly = me.how == visitor_kind::slow;
    const byte_span room =
        byte_span(buffer).first(slowly ? visit_rng.between(200, 2000) : buffer.size());
    const auto count = co_await from.read_some(room);
    if (!count) co_return failure(count.error());
    if (*count == 0) co_return result<void>{};
    const byte_view due = bytes(me.answer).subspan(me.got);
    if (*count > due.size() || !std::ranges::equal(room.first(*count), due.first(*count))) {
      report_problem("visitor " + std::to_string(me.port) + " of " + std::string(me.to->name) +
                     " got bytes that were not for it, after " + std::to_string(me.got));
      co_return failure(errc::malformed_message);
    }
    me.got += *count;
    if (slowly) co_await pause(milliseconds_between(visit_rng, 1, 100));
  }
}

void crowd::check_result(const visitor_state& me, const result<void>& ended) {
  --present_;
  const bool complete = ended && me.got == me.answer.size();
  const std::string who = "visitor " + std::to_string(me.port) + " of " + std::string(me.to->name);
  const std::string how_far =
      " after " + std::to_string(me.got) + " of " + std::to_string(me.answer.size()) + " bytes";
  if (me.left) {
    ++found.left;
    return;
  }
  if (complete) {
    ++found.complete;
  } else if (!ended) {
    forwarded_.contains(me.port) ? ++found.broken : ++found.refused;
  } else {
    report_problem(who + " got an orderly end" + how_far);
  }
  if (!me.healthy || paths_[index_of(*me.to)].epoch != *me.healthy) return;
  if (complete) {
    ++found.required;
  } else if (!refused_at_limit_.contains(me.port)) {
    report_problem(who + " was lost on a healthy path" + how_far + ": " +
                   (ended ? "an orderly end" : ended.error().message()));
  }
}

// Local services.

io::awaitable<void> crowd::local_service(const offer& of) {
  const address at{"0.0.0.0", of.port};
  auto acceptor = co_await lan_.listen(at);
  for (;;) {
    auto stream = co_await acceptor->accept();
    if (stream) bench.tasks.spawn(serve(std::move(*stream), of));
  }
}

io::awaitable<void> crowd::serve(sim::stream stream, const offer& of) {
  std::string received;
  visitor_state* who = nullptr;
  const std::string first = greeting(of);
  if (!first.empty()) {
    const auto sent = co_await stream.write(bytes(first));
    if (!sent) co_return;
  }
  std::array<std::uint8_t, 16 * 1024> buffer;
  for (;;) {
    const auto count = co_await stream.read_some(buffer);
    if (!count) co_return;
    if (*count == 0) break;
    const std::string_view piece(reinterpret_cast<const char*>(buffer.data()), *count);
    received += piece;
    recognize(of, received, who);
    if (of.how == response_mode::answers_late) continue;
    const std::string answer = answered(of, piece);
    const auto sent = co_await stream.write(bytes(answer));
    if (!sent) co_return;
  }
  check_end(of, received, who);
  if (of.how == response_mode::answers_late) {
    const std::string answer = answered(of, received);
    co_await stream.write(bytes(answer));
  }
  stream.close();
}

void crowd::recognize(const offer& of, const std::string& received, visitor_state*& who) {
  if (!who && received.size() >= number_size) {
    std::uint32_t number = 0;
    std::memcpy(&number, received.data(), number_size);
    if (number < visitor_states_.size()) who = &visitor_states_[number];
    if (!who || who->to != &of || who->served) {
      report_problem("the local service " + std::string(of.name) +
                     " receives a request of none of its visitors");
    } else {
      who->served = true;
    }
  }
  if (who && !who->question.starts_with(received)) {
    report_problem("the local service " + std::string(of.name) +
                   " receives bytes that were not sent");
  }
}

void crowd::check_end(const offer& of, const std::string& received, const visitor_state* who) {
  const bool whole = who ? who->ended_sending && received.size() >= who->given : received.empty();
  if (whole) return;
  report_problem(
      "the local service " + std::string(of.name) + " got an orderly end after " +
      std::to_string(received.size()) + " bytes of " +
      (who ? "visitor " + std::to_string(who->port) + ", which sent " + std::to_string(who->given)
           : "an unknown visitor"));
}

// Actions.

void crowd::open() {
  for (const offer& of : offers) {
    if (!is_udp(of)) bench.tasks.spawn(local_service(of));
  }
  datagrams_->open();
  start_server();
  start_client("alpha");
  start_client("beta");
  for (path& each : paths_) each.calm_since = world.now();
  world.run_for(settling);
}

void crowd::recover() {
  for (const offer& of : offers) {
    if (world.run_until([&] { return healthy(of).has_value(); }, 2min) != sim::outcome::done) {
      report_problem(std::string(of.name) + " does not recover");
      look(false);
    }
  }
  const auto alone = [this] { return present_ + datagrams_->present() == 0; };
  const auto until_alone = [&](duration timeout) {
    if (world.run_until(alone, timeout) == sim::outcome::done) return;
    report_problem(std::to_string(present_ + datagrams_->present()) + " visitors hang");
    look(false);
  };
  until_alone(3min);
  const std::size_t required = found.required + found.datagrams_owed;
  for (const offer& of : offers) {
    is_udp(of) ? datagrams_->admit(of, 1) : admit(of, visitor_kind::prompt);
  }
  until_alone(1min);
  if (found.required + found.datagrams_owed != required + offers.size()) {
    report_problem("a visitor after the faults was not served");
  }
  world.run_for(settling);
  latest("server").is->for_each_pool(
      [&](const config::server_service& service, const protocol::channel_counts& in) {
        const bool udp = service.kind == config::service_kind::udp;
        if (in.idle != (udp ? 0 : std::min(service.pool.size, client_settings_.max_dials))) {
          report_problem(service.name + ": " + std::to_string(in.idle) +
                         " idle data channels when idle");
        }
        if (in.waiting + in.starting > 0)
          report_problem(service.name + ": visitors wait when idle");
      });
  if (forwards_ > 0) report_problem("connections are active when idle");
  look(true);
}

inventory crowd::in_use() {
  inventory out{world.net().in_use(), 0};
  for (const started& one : programs_) out.tasks += one.is->tasks();
  return out;
}

void crowd::close() {
  begin_fault(all_offers);
  for (const offer& of : offers) {
    if (is_udp(of)) {
      datagrams_->admit(of, 3);
    } else {
      for (const visitor_kind how : {visitor_kind::slow, visitor_kind::trickling}) admit(of, how);
    }
  }
  world.run_for(milliseconds_between(rng, 0, 1000));
  const bool at_once = rng.between(0, 1) == 1;
  for (const started& one : programs_) {
    if (!one.stopped) stop(one.host, at_once);
  }
  const auto ended = [this] {
    return present_ + datagrams_->present() == 0 &&
           std::ranges::all_of(programs_,
                               [](const started& one) { return one.is->ended().has_value(); });
  };
  if (world.run_until(ended, 40s) != sim::outcome::done) report_problem("programs do not end");
  world.run_for(1s);
  if (world.net().in_use() != sim::resource_counts{0, offers.size() - udp_offers, 0, udp_offers})
    report_problem("something was left open");
  look(true);
}

std::string crowd::event_log() const {
  // Sorted by time, keeping each program's order. (clang 19 rejects libstdc++ 12's stable_sort.)
  std::multimap<std::string, std::string> lines;
  for (const std::string& line : earlier_lines_) lines.emplace(line.substr(0, 12), line);
  for (const started& one : programs_) {
    for (const std::string& line : one.is->events.lines()) lines.emplace(line.substr(0, 12), line);
  }
  std::string out;
  for (const auto& [time, line] : lines) out += line + '\n';
  return out;
}

}  // namespace rathole::test
