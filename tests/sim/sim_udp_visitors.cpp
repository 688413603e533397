#include "support/sim_udp_visitors.hpp"

#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <cstring>
#include <span>
#include <stop_token>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

/// A request begins with the visitor's number and the request's number.
struct heading {
  std::uint32_t visitor = 0;
  std::uint32_t index = 0;
};

constexpr std::size_t usual_size = 2'000;

std::string question_text(const heading& of, std::size_t size) {
  std::string out = pattern(std::max(size, sizeof of));
  std::memcpy(out.data(), &of, sizeof of);
  return out;
}

std::optional<heading> heading_of(std::string_view text) {
  heading out;
  if (text.size() < sizeof out) return std::nullopt;
  std::memcpy(&out, text.data(), sizeof out);
  return out;
}

std::string_view text_of(byte_view payload) {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

}  // namespace

udp_visitors::udp_visitors(crowd& owner)
    : crowd_(owner),
      visitors_(owner.world.make_runtime("visitor")),
      lan_(owner.world.make_runtime("lan")) {}

std::string udp_visitors::name(std::uint32_t number) const {
  return "UDP visitor " + std::to_string(number) + " of " +
         std::string(visitor_states_[number].to->name);
}

// Visitors.

void udp_visitors::admit(const offer& to, std::size_t questions) {
  const auto number = static_cast<std::uint32_t>(visitor_states_.size());
  visitor_states_.emplace_back().to = &to;
  ++present_;
  crowd_.bench.tasks.spawn(run_visitor(number, questions, crowd_.rng.next()));
}

io::awaitable<void> udp_visitors::run_visitor(std::uint32_t number, std::size_t questions,
                                              std::uint64_t seed) {
  sim::seeded_rng visit_rng(seed);
  const address any{"0.0.0.0", 0};
  auto socket = co_await visitors_.bind_udp(any, std::stop_token());
  socket->watch([this, number, &socket] {
    for (const io::datagram& each : socket->receive()) receive_reply(number, each.payload);
  });
  io::event wake(crowd_.world.get_executor());
  for (std::size_t i = 0; i < questions; ++i) {
    ask(number, *socket, visit_rng.between(0, usual_size));
    const auto pause =
        std::chrono::milliseconds(visit_rng.between(0, visit_rng.between(0, 3) ? 500 : 5'000));
    co_await io::sleep_until(visitors_, crowd_.world.now() + pause, wake);
  }
  co_await io::sleep_until(visitors_, crowd_.world.now() + max_delay + 1ms, wake);
  socket->unwatch();
  visitor_states_[number].left = true;
  --present_;
}

void udp_visitors::ask(std::uint32_t number, sim::datagram_socket& from, std::size_t size) {
  visitor_state& me = visitor_states_[number];
  const std::size_t index = me.asked.size();
  const std::string text = question_text({number, static_cast<std::uint32_t>(index)}, size);
  question& asked = me.asked.emplace_back();
  asked.size = text.size();
  asked.healthy = crowd_.healthy(*me.to);
  io::datagram one;
  one.peer = crowd_.world.net().at("server").endpoint(me.to->port);
  one.payload = bytes(text);
  from.send(std::span(&one, 1));
  crowd_.world.call_at(crowd_.world.now() + max_delay,
                       [this, number, index] { check_result(number, index); });
}

void udp_visitors::receive_reply(std::uint32_t number, byte_view payload) {
  visitor_state& me = visitor_states_[number];
  const std::string received = answered(*me.to, text_of(payload));
  const auto of = heading_of(received);
  if (!of || of->visitor != number || of->index >= me.asked.size()) {
    return crowd_.report_problem(name(number) + " got a datagram that was not for it");
  }
  question& asked = me.asked[of->index];
  if (received != question_text(*of, asked.size)) {
    return crowd_.report_problem(name(number) + " got an answer that was changed");
  }
  if (std::exchange(asked.answered, true))
    crowd_.report_problem(name(number) + " got an answer twice");
  ++crowd_.found.datagrams;
}

void udp_visitors::check_result(std::uint32_t number, std::size_t index) {
  const visitor_state& me = visitor_states_[number];
  const question& asked = me.asked[index];
  if (!asked.answered) ++crowd_.found.datagrams_lost;
  if (!asked.healthy || crowd_.epoch(*me.to) != *asked.healthy) return;
  if (asked.answered) {
    ++crowd_.found.datagrams_owed;
  } else {
    crowd_.report_problem(name(number) + " got no answer on a healthy path; it was " +
                          (asked.received ? "received" : "not received"));
  }
}

// Local services.

void udp_visitors::open() {
  for (const offer& of : offers) {
    if (is_udp(of)) crowd_.bench.tasks.spawn(start(of));
  }
}

io::awaitable<void> udp_visitors::start(const offer& of) {
  const address at{"0.0.0.0", of.port};
  auto socket = co_await lan_.bind_udp(at, std::stop_token());
  service& me = services_.emplace_back(service{&of, std::move(*socket), {}});
  me.socket.watch([this, &me] { serve(me); });
}

void udp_visitors::serve(service& me) {
  for (const io::datagram& received : me.socket.receive()) {
    if (!recognize(me, received)) return;
    const std::string text = answered(*me.is, text_of(received.payload));
    io::datagram answer;
    answer.peer = received.peer;
    answer.payload = bytes(text);
    me.socket.send(std::span(&answer, 1));
  }
}

bool udp_visitors::recognize(service& me, const io::datagram& received) {
  const auto report_problem = [&](const std::string& what) {
    crowd_.report_problem("the local service " + std::string(me.is->name) + " receives " + what);
    return false;
  };
  const std::string_view text = text_of(received.payload);
  const auto of = heading_of(text);
  if (!of || of->visitor >= visitor_states_.size())
    return report_problem("a datagram of an unknown visitor");
  visitor_state& who = visitor_states_[of->visitor];
  if (who.to != me.is || of->index >= who.asked.size())
    return report_problem("a datagram of another service's visitor");
  question& asked = who.asked[of->index];
  if (text != question_text(*of, asked.size)) return report_problem("bytes that were not sent");
  if (std::exchange(asked.received, true)) return report_problem("a datagram twice");

  const time_point now = crowd_.world.now();
  const std::uint16_t port = received.peer.port;
  const auto before = me.last_visitor_at.find(port);
  if (before != me.last_visitor_at.end() && before->second != of->visitor &&
      !visitor_states_[before->second].left && visitor_states_[before->second].seen_as == port) {
    return report_problem("two visitors by one port");
  }
  me.last_visitor_at[port] = of->visitor;
  const std::size_t starts = crowd_.starts(me.is->client);
  const bool remembered = who.seen_as != 0 && who.starts == starts && now < who.last_received + 50s;
  if (remembered && who.seen_as != port)
    return report_problem("a visitor by another port than before");
  who.seen_as = port;
  who.last_received = now;
  who.starts = starts;
  return true;
}

}  // namespace rathole::test
