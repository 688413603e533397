#include "support/sim_listener.hpp"

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

io::awaitable<void> send_all(sim::stream& to, std::string payload) {
  const auto sent = co_await to.write(bytes(payload));
  if (sent) co_await to.shutdown_send();
}

/// Reads `from` to its end; returns its error.
io::awaitable<std::error_code> read_all(sim::stream& from, std::shared_ptr<visit_record> out) {
  std::uint8_t buffer[1000];
  for (;;) {
    const auto count = co_await from.read_some(buffer);
    if (!count) co_return count.error();
    if (*count == 0) co_return std::error_code();
    out->got.append(reinterpret_cast<const char*>(buffer), *count);
  }
}

io::task<void> visit_as(sim_tunnel& tunnel, std::string payload,
                        std::shared_ptr<visit_record> out) {
  auto stream = co_await tunnel.arrive();
  if (!stream) {
    out->end = stream.error();
    co_return result<void>();
  }
  io::task_group sending(tunnel.world.get_executor());
  sending.spawn(send_all(*stream, std::move(payload)));
  const std::error_code ended = co_await read_all(*stream, out);
  if (ended) stream->close();
  co_await sending.join();
  stream->close();
  out->end = ended;
  co_return result<void>();
}

}  // namespace

listening_tunnel::listening_tunnel(std::uint64_t seed, bool is_layered, std::size_t backlog,
                                   duration accept_timeout)
    : sim_tunnel(seed), serving(bench.client, backlog, accept_timeout) {
  sim::link_conditions slow;
  slow.max_delay = 3ms;
  slow.max_read = 1000;
  slow.window = 1000;
  world.net().set_conditions(slow);
  server_settings.services[0].pool.size = 2;
  client_settings.services[0].in_process = true;
  client_settings.services[0].local_addr = {};
  if (!is_layered) return;
  server_settings.transport.kind = config::transport_kind::tls;
  client_settings.transport.kind = config::transport_kind::tls;
}

void listening_tunnel::start() {
  start_server();
  start_client();
  client->receive_visitors("web", serving.listening);
  REQUIRE(run_until([this] {
            return client->events.count<client_side::control_channel_established>() == 1 &&
                   server->events.count<server_side::service_listening>() == 1;
          }) == sim::outcome::done);
  world.run_for(100ms);
}

std::shared_ptr<visit_record> listening_tunnel::begin_visit() {
  auto out = std::make_shared<visit_record>();
  bench.begin(visit_as(*this, payload, out));
  return out;
}

void listening_tunnel::serve_next() {
  serving.clear();
  if (!serving.accepting || serving.accepting->calls != 0) serving.accept();
  const auto visit = begin_visit();
  REQUIRE(run_until([&] { return visit->end && serving.is_done(); }, 30s) == sim::outcome::done);
  CHECK_FALSE(*visit->end);
  CHECK(visit->got == serving.greeting);
  CHECK(serving.got == payload);
}

}  // namespace rathole::test
