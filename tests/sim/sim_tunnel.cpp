#include "support/sim_tunnel.hpp"

#include "support/framing_layer.hpp"

#include <rathole/client/client.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/multiplexed.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/transport/tcp.hpp>

#include <type_traits>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;
using plain_transport = transport::tcp<sim::runtime>;

/// Makes framing layers.
struct framing_factory {
  using layer_type = framing_layer;
  [[nodiscard]] result<framing_layer> client_layer() const { return framing_layer(); }
  [[nodiscard]] result<framing_layer> server_layer() const { return framing_layer(); }
  [[nodiscard]] bool serves(config::transport_kind kind) const {
    return kind == config::transport_kind::tls;
  }
};

using layered_transport = transport::layered<plain_transport, framing_factory>;
using multiplexed_transport = transport::multiplexed<plain_transport>;

template <class Program, class Transport, class Settings>
class running final : public program {
 public:
  template <class Prepare, class... Hooks>
  running(sim::world& world, std::string_view host, Settings settings, Prepare prepare,
          Hooks... hooks)
      : program(world, std::string(host)),
        program_(make_transport(world, host, settings), settings, events, std::move(hooks)...) {
    prepare(program_);
    program_.async_run([state = state_](std::error_code ec) { state->ended = ec; });
  }
  void stop() override { program_.stop(); }
  void stop_now() override { program_.stop_now(); }
  void drain() override { program_.drain(); }

  void update([[maybe_unused]] const config::server& next) override {
    state_->updated.reset();
    if constexpr (is_server) {
      program_.async_update(next, [state = state_](std::error_code ec) { state->updated = ec; });
    }
  }
  void update([[maybe_unused]] const config::client& next) override {
    if constexpr (!is_server) program_.update(next);
  }

  void receive_datagrams(
      [[maybe_unused]] const std::string& service,
      [[maybe_unused]] std::shared_ptr<client_side::datagram_receiver> receiver) override {
    if constexpr (!is_server) program_.receive(service, std::move(receiver));
  }

  void receive_visitors(
      [[maybe_unused]] const std::string& service,
      [[maybe_unused]] std::shared_ptr<client_side::stream_receiver> receiver) override {
    if constexpr (!is_server) program_.receive(service, std::move(receiver));
  }

  [[nodiscard]] std::unique_ptr<program> successor(
      [[maybe_unused]] sim::world& world, [[maybe_unused]] std::string_view host,
      [[maybe_unused]] const config::server& next) override {
    if constexpr (is_server) {
      return std::make_unique<running>(world, host, next, [this](Program& other) {
        other.take_over(program_.duplicate_listeners());
      });
    }
    return nullptr;
  }

  void connect([[maybe_unused]] std::string_view service, [[maybe_unused]] std::stop_token cancel,
               [[maybe_unused]] server_side::connect_completion done) override {
    if constexpr (is_server) program_.connect(service, std::move(cancel), std::move(done));
  }

  [[nodiscard]] std::vector<address> addresses_of(
      [[maybe_unused]] const std::string& service) const override {
    if constexpr (is_server) return program_.addresses().of(service);
    return {};
  }

  [[nodiscard]] protocol::descriptor_use descriptors() const override {
    return program_.descriptors();
  }
  [[nodiscard]] std::size_t tasks() const override { return program_.tasks(); }
  void for_each_pool([[maybe_unused]] const pool_visitor& visit) const override {
    if constexpr (requires { program_.for_each_pool(visit); }) program_.for_each_pool(visit);
  }

 private:
  static constexpr bool is_server = std::is_same_v<Settings, config::server>;

  static Transport make_transport(sim::world& world, std::string_view host,
                                  const Settings& settings) {
    plain_transport plain(world.make_runtime(host),
                          transport::to_socket_options(settings.transport.tcp));
    if constexpr (std::is_same_v<Transport, plain_transport>) {
      return plain;
    } else if constexpr (std::is_same_v<Transport, layered_transport>) {
      return Transport(std::move(plain), framing_factory());
    } else {
      return Transport(std::move(plain), settings.transport.connections);
    }
  }

  Program program_;
};

/// Returns the program that `start` makes with the transport of this kind.
template <class Start>
std::unique_ptr<program> with_transport(config::transport_kind kind, Start start) {
  if (kind == config::transport_kind::tls) return start(std::type_identity<layered_transport>());
  return start(std::type_identity<plain_transport>());
}

io::awaitable<void> send(sim::stream& to, std::string payload) {
  const auto sent = co_await to.write(bytes(payload));
  if (sent) co_await to.shutdown_send();
}

io::task<std::string> exchange(sim::runtime on, sim::stream stream, std::string payload) {
  io::task_group sending(on.get_executor());
  sending.spawn(send(stream, std::move(payload)));
  auto answer = co_await read_all(stream);
  stream.close();
  co_await sending.join();
  co_return answer;
}

io::awaitable<void> service(sim::runtime on, io::task_group& group,
                            io::awaitable<void> (*serve)(sim::stream)) {
  const address at{"127.0.0.1", 8080};
  auto acceptor = co_await on.listen(at);
  // The operation that a scenario makes fail may be this one.
  if (!acceptor) acceptor = co_await on.listen(at);
  for (;;) {
    auto stream = co_await acceptor->accept();
    if (stream) group.spawn(serve(std::move(*stream)));
  }
}

}  // namespace

std::unique_ptr<program> run_server(sim::world& world, std::string_view host, config::server is,
                                    std::shared_ptr<server_side::server_hooks> hooks) {
  const auto start = [&]<class Transport>(std::type_identity<Transport>) {
    using server_type = server_side::basic_server<Transport, sim::recorder>;
    return std::make_unique<running<server_type, Transport, config::server>>(
        world, host, std::move(is), [](server_type&) {}, std::move(hooks));
  };
  return with_transport(is.transport.kind, start);
}

std::unique_ptr<program> run_client(sim::world& world, std::string_view host, config::client is) {
  const auto start = [&]<class Transport>(std::type_identity<Transport>) {
    using client_type = client_side::basic_client<Transport, sim::recorder>;
    return std::make_unique<running<client_type, Transport, config::client>>(
        world, host, std::move(is), [](client_type&) {});
  };
  if (is.transport.multiplex) return start(std::type_identity<multiplexed_transport>());
  return with_transport(is.transport.kind, start);
}

sim_tunnel::sim_tunnel(std::uint64_t seed) : bench(seed) {
  server_settings.bind_addr = {"0.0.0.0", 2333};
  server_settings.services.emplace_back();
  server_settings.services[0].name = "web";
  server_settings.services[0].bind_addr = {"0.0.0.0", 5202};
  server_settings.services[0].token = secret("correct horse");
  client_settings.remote_addr = {"server", 2333};
  client_settings.services.emplace_back();
  client_settings.services[0].name = "web";
  client_settings.services[0].local_addr = {"127.0.0.1", 8080};
  client_settings.services[0].token = secret("correct horse");
}

void sim_tunnel::start_server() { server = run_server(world, "server", server_settings, hooks); }

void sim_tunnel::start_client() { client = run_client(world, "client", client_settings); }

void sim_tunnel::start_service(std::string_view host, io::awaitable<void> (*serve)(sim::stream)) {
  bench.tasks.spawn(service(world.make_runtime(host), bench.tasks, serve));
  ++services_;
}

void sim_tunnel::start_both() {
  start_server();
  start_client();
  const auto ready = [this] {
    return server->events.count<server_side::service_listening>() == 1 &&
           client->events.count<client_side::control_channel_established>() == 1;
  };
  REQUIRE(run_until(ready) == sim::outcome::done);
}

void sim_tunnel::start_all() {
  start_service("client", echo);
  start_both();
}

io::task<sim::stream> sim_tunnel::arrive(address to) {
  const io::socket_options options;
  auto visitor = world.make_runtime("visitor");
  auto stream = co_await visitor.connect(to, options, world.now() + 10s, std::stop_token());
  co_return stream;
}

io::task<std::string> sim_tunnel::visit(std::string payload, address to) {
  auto stream = co_await arrive(std::move(to));
  if (!stream) co_return failure(stream.error());
  auto answer =
      co_await exchange(world.make_runtime("visitor"), std::move(*stream), std::move(payload));
  co_return answer;
}

bool sim_tunnel::serves_again(duration timeout, const address& at) {
  const time_point end = world.now() + timeout;
  while (world.now() < end) {
    const auto answer = bench.begin(visit("are you there?", at));
    world.run_until([&] { return answer->has_value(); }, end - world.now());
    if (answer->has_value() && **answer == "are you there?") return true;
    world.run_for(500ms);
  }
  return false;
}

void sim_tunnel::stop_all() {
  server->stop();
  client->stop();
  REQUIRE(run_until([&] { return server->ended() && client->ended(); }) == sim::outcome::done);
  world.run_for(1s);
  CHECK(world.net().in_use().streams == 0);
  CHECK(world.net().in_use().acceptors == services_);
  CHECK(world.net().in_use().timers == 0);
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  sim::seeded_rng rng(size);
  rng.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

io::awaitable<void> echo(sim::stream stream) {
  std::uint8_t buffer[16 * 1024];
  for (;;) {
    const auto count = co_await stream.read_some(buffer);
    if (!count || *count == 0) break;
    const auto sent = co_await stream.write(byte_view(buffer).first(*count));
    if (!sent) break;
  }
  stream.close();
}

}  // namespace rathole::test
