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
  std::uint32_t guest = 0;
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
  return "UDP visitor " + std::to_string(number) + " of " + std::string(guests_[number].to->name);
}

// Visitors.

void udp_visitors::admit(const offer& to, std::size_t questions) {
  const auto number = static_cast<std::uint32_t>(guests_.size());
  guests_.emplace_back().to = &to;
  ++present_;
  crowd_.bench.tasks.spawn(attend(number, questions, crowd_.rng.next()));
}

io::awaitable<void> udp_visitors::attend(std::uint32_t number, std::size_t questions,
                                         std::uint64_t seed) {
  sim::scripted_rng mood(seed);
  const address any{"0.0.0.0", 0};
  auto socket = co_await visitors_.bind_udp(any, std::stop_token());
  socket->watch([this, number, &socket] {
    for (const io::datagram& each : socket->receive()) hear_answer(number, each.payload);
  });
  io::event wake(crowd_.world.get_executor());
  for (std::size_t i = 0; i < questions; ++i) {
    ask(number, *socket, mood.between(0, usual_size));
    const auto pause = std::chrono::milliseconds(mood.between(0, mood.between(0, 3) ? 500 : 5'000));
    co_await io::sleep_until(visitors_, crowd_.world.now() + pause, wake);
  }
  co_await io::sleep_until(visitors_, crowd_.world.now() + max_delay + 1ms, wake);
  socket->unwatch();
  guests_[number].left = true;
  --present_;
}

void udp_visitors::ask(std::uint32_t number, sim::datagram_socket& from, std::size_t size) {
  guest& me = guests_[number];
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
                       [this, number, index] { judge(number, index); });
}

void udp_visitors::hear_answer(std::uint32_t number, byte_view payload) {
  guest& me = guests_[number];
  const std::string heard = answered(*me.to, text_of(payload));
  const auto of = heading_of(heard);
  if (!of || of->guest != number || of->index >= me.asked.size()) {
    return crowd_.report_problem(name(number) + " got a datagram that was not for it");
  }
  question& asked = me.asked[of->index];
  if (heard != question_text(*of, asked.size)) {
    return crowd_.report_problem(name(number) + " got an answer that was changed");
  }
  if (std::exchange(asked.answered, true))
    crowd_.report_problem(name(number) + " got an answer twice");
  ++crowd_.found.datagrams;
}

void udp_visitors::judge(std::uint32_t number, std::size_t index) {
  const guest& me = guests_[number];
  const question& asked = me.asked[index];
  if (!asked.answered) ++crowd_.found.datagrams_lost;
  if (!asked.healthy || crowd_.epoch(*me.to) != *asked.healthy) return;
  if (asked.answered) {
    ++crowd_.found.datagrams_owed;
  } else {
    crowd_.report_problem(name(number) + " got no answer on a healthy path; it was " +
                          (asked.heard ? "heard" : "not heard"));
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
  for (const io::datagram& heard : me.socket.receive()) {
    if (!recognize(me, heard)) return;
    const std::string text = answered(*me.is, text_of(heard.payload));
    io::datagram answer;
    answer.peer = heard.peer;
    answer.payload = bytes(text);
    me.socket.send(std::span(&answer, 1));
  }
}

bool udp_visitors::recognize(service& me, const io::datagram& heard) {
  const auto report_problem = [&](const std::string& what) {
    crowd_.report_problem("the local service " + std::string(me.is->name) + " hears " + what);
    return false;
  };
  const std::string_view text = text_of(heard.payload);
  const auto of = heading_of(text);
  if (!of || of->guest >= guests_.size()) return report_problem("nobody known");
  guest& who = guests_[of->guest];
  if (who.to != me.is || of->index >= who.asked.size()) return report_problem("nobody it should");
  question& asked = who.asked[of->index];
  if (text != question_text(*of, asked.size)) return report_problem("bytes that nobody sent");
  if (std::exchange(asked.heard, true)) return report_problem("a datagram twice");

  const time_point now = crowd_.world.now();
  const std::uint16_t port = heard.peer.port;
  const auto before = me.heard_from.find(port);
  if (before != me.heard_from.end() && before->second != of->guest &&
      !guests_[before->second].left && guests_[before->second].seen_as == port) {
    return report_problem("two visitors by one port");
  }
  me.heard_from[port] = of->guest;
  const std::size_t starts = crowd_.starts(me.is->client);
  const bool remembered = who.seen_as != 0 && who.starts == starts && now < who.heard_at + 50s;
  if (remembered && who.seen_as != port)
    return report_problem("a visitor by another port than before");
  who.seen_as = port;
  who.heard_at = now;
  who.starts = starts;
  return true;
}

}  // namespace rathole::test
