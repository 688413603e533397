// Unauthenticated or hostile peers that send at full speed: they starve no other connection, and
// the memory and descriptors that they can cause are bounded.

#include "../support/eventually.hpp"
#include "../support/manual_client.hpp"
#include "../support/proc.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <rathole/config/parse.hpp>
#include <rathole/transport/prepare.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::string_literals;

pairing ours(const transport_tables& by) {
  return {by.name + ": our server, our client", our_program(), our_program(), by.server, by.client};
}

/// Describes what a peer sends: something that the server refuses, and then `rest` repeatedly.
struct flood_of {
  std::string name;
  std::string beginning;
  std::string rest = std::string(64 << 10, 'x');
  /// The transport, after a complete handshake; the bare socket if empty.
  transport::layer_maker layers = {};
  /// Whether the server reads little of it; otherwise it reads until its deadline.
  bool ends_by_size = true;
};

/// Returns the layer maker of a client with the transport `by`.
transport::layer_maker layers_of(const transport_tables& by) {
  const std::string text =
      "[client]\nremote_addr = \"localhost:1\"\n"
      "[client.services.a]\ntoken = \"t\"\nlocal_addr = \"localhost:1\"\n" +
      by.client;
  const auto parsed = config::parse(text, by.name);
  REQUIRE(parsed);
  const auto layered_tcp = transport::prepare(*parsed->client);
  REQUIRE(layered_tcp);
  if (!layered_tcp->layers) return {};
  return [make = layered_tcp->layers] { return make(address{"localhost", 1}); };
}

/// Returns a flood that sends a Hello for an unknown service after a complete handshake of `by`.
flood_of unknown_service(const transport_tables& by) {
  return {.name = "a Hello for an unknown service",
          .beginning = control_hello("ghost"),
          .layers = layers_of(by)};
}

/// A layer on a socket, or the bare socket.
class carried {
 public:
  carried(tcp_socket& socket, const transport::layer_maker& layers) : socket_(socket) {
    if (!layers) return;
    auto made = layers();
    REQUIRE(made);
    layer_.emplace(std::move(*made));
    (void)layer_->start(wire_);
    std::string in(16 << 10, '\0');
    for (;;) {
      send_wire();
      if (layer_->state() != phase::handshaking) return;
      in.resize(16 << 10);
      in.resize(socket_.receive_some(in.data(), in.size()));
      if (in.empty() || !layer_->receive(to_bytes(in), app_, wire_)) {
        throw std::system_error(make_error_code(errc::end_of_stream), "no handshake");
      }
    }
  }

  void send(const std::string& what) {
    if (!layer_) return socket_.send_all(what);
    (void)layer_->send(to_bytes(what), wire_);
    send_wire();
  }

 private:
  void send_wire() {
    socket_.send_all(to_text(std::as_const(wire_).data()));
    wire_.clear();
  }

  tcp_socket& socket_;
  std::optional<any_layer> layer_;
  byte_buffer wire_;
  byte_buffer app_;
};

/// Connects repeatedly, begins with something that is refused, and then sends at full speed until
/// the server closes.
class flooder {
 public:
  flooder(std::uint16_t port, flood_of what)
      : what_(std::move(what)), thread_([this, port] { run(port); }) {}
  ~flooder() { finish(); }

  void finish() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// Returns how long the longest connection lasted; valid once the flood has finished.
  [[nodiscard]] milliseconds longest() const { return longest_; }
  [[nodiscard]] long connections() const { return connections_; }
  /// Returns the most bytes that it could send on one connection.
  [[nodiscard]] std::size_t most() const { return most_; }

 private:
  void run(std::uint16_t port) {
    while (!stopping_) {
      const auto begin = clock::now();
      std::size_t sent = 0;
      try {
        tcp_socket peer = tcp_socket::connect(port, milliseconds{10'000});
        carried stream(peer, what_.layers);
        stream.send(what_.beginning);
        for (; !stopping_; sent += what_.rest.size()) stream.send(what_.rest);
      } catch (const std::system_error&) {
        // It was refused; the next attempt will be refused again.
      }
      longest_ = std::max(longest_, std::chrono::duration_cast<milliseconds>(clock::now() - begin));
      most_ = std::max(most_, sent);
      ++connections_;
    }
  }

  const flood_of what_;
  std::atomic<bool> stopping_ = false;
  milliseconds longest_{0};
  long connections_ = 0;
  std::size_t most_ = 0;
  std::thread thread_;
};

/// Runs two flooders while visitors connect one at a time.
void flood(const transport_tables& by, const flood_of& what) {
  CAPTURE(by.name);
  CAPTURE(what.name);
  const char* asked = std::getenv("RATHOLE_HOSTILE");
  const int visits = asked != nullptr && asked == "full"s ? 400 : 40;
  service local(echo);
  tunnel t(ours(by));
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(port); }));
  std::vector<double> times;
  int failures = 0;
  milliseconds longest{0};
  long connections = 0;
  std::size_t most = 0;
  {
    flooder one(t.port(), what);
    flooder other(t.port(), what);
    for (int i = 0; i < visits && failures < 3; ++i) {
      const auto begin = clock::now();
      failures += answered(port, milliseconds{10'000}) ? 0 : 1;
      times.push_back(std::chrono::duration<double, std::milli>(clock::now() - begin).count());
    }
    one.finish();
    other.finish();
    longest = std::max(one.longest(), other.longest());
    most = std::max(one.most(), other.most());
    connections = one.connections() + other.connections();
  }
  std::ranges::sort(times);
  CHECK(failures == 0);
  // The handshake timeout is 5 s; the bound is generous because a loaded machine closes late.
  CHECK(longest < milliseconds{8'000});
  // A little more than the system's buffers hold.
  if (what.ends_by_size) CHECK(most < std::size_t{64} << 20);
  CHECK(answered(port, milliseconds{10'000}));
  MESSAGE(by.name << ", " << what.name << ": " << visits << " visits, median "
                  << times[times.size() / 2] << " ms, slowest " << times.back() << " ms; "
                  << connections << " refused connections, the longest " << longest.count()
                  << " ms and " << most / 1024 << " KiB");
}

TEST_CASE("flood: refused connections that send at full speed starve no visitor") {
  authority issuer;
  const identity_files identity = issuer.issue();
  flood(
      noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
      {.name = "a bad message of the handshake", .beginning = "\x00\x30"s + std::string(48, 'x')});
  flood(websocket(),
        {.name = "a refused head", .beginning = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"});
  for (const std::string& engine : tls_engines()) {
    flood(tls("tls by " + engine, pem_keys(identity) + engine_key(engine),
              trust_in(issuer) + engine_key(engine)),
          {.name = "no record", .beginning = "\x16\x03\x01\x00\x10"s + std::string(16, 'x')});
  }
}

TEST_CASE("flood: refused services after a complete handshake starve no visitor") {
  authority issuer;
  const identity_files identity = issuer.issue();
  std::vector<transport_tables> all = {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
                                       websocket()};
  for (const std::string& engine : tls_engines()) {
    const std::string server = pem_keys(identity) + engine_key(engine);
    const std::string client = trust_in(issuer) + engine_key(engine);
    all.push_back(tls("tls by " + engine, server, client));
    all.push_back(websocket_over_tls("websocket on tls by " + engine, server, client));
  }
  for (const transport_tables& by : all) flood(by, unknown_service(by));
}

TEST_CASE("flood: a peer that sends nothing but Pings starves no visitor") {
  // An empty Ping, and a Hello for an unknown service in a frame; the key of their masks is zero.
  const std::string ping = "\x89\x80\0\0\0\0"s;
  const std::string hello = control_hello("ghost");
  const std::string framed = "\x82"s + static_cast<char>(0x80 | hello.size()) + "\0\0\0\0"s + hello;
  std::string pings;
  while (pings.size() < 60'000) pings += ping;
  const std::string upgrade =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  flood(websocket(),
        {.name = "Pings for a Hello", .beginning = upgrade, .rest = pings, .ends_by_size = false});
  flood(websocket(),
        {.name = "Pings behind a refused Hello", .beginning = upgrade + framed, .rest = pings});
}

TEST_CASE("flood: a UDP service survives a client that reconnects all the time") {
  tunnel t(ours(tcp()));
  const std::uint16_t port = free_udp_port();
  const std::string at = std::to_string(port);
  t.server_keys = "workers = 2";
  t.add_udp_at("echo", port, "[\"127.0.0.1:" + at + "\", \"127.0.0.2:" + at + "\"]", port);
  t.start_server();
  REQUIRE(eventually([&] { return !refused(t.port()); }));
  INFO(t.logs());
  const char* asked = std::getenv("RATHOLE_HOSTILE");
  const int times = asked != nullptr && asked == "full"s ? 5'000 : 500;
  for (int i = 0; i < times; ++i) {
    manual_client peer(t.port());
    REQUIRE(peer.authenticate("echo"));
    if (i % 2 == 0) peer.control.reset();
  }
  // Everything that the last client left behind is gone.
  CHECK(eventually([&] { return udp_socket().try_bind(port); }));
  t.server->signal(SIGTERM);
  CHECK(t.server->wait_exit() == 0);
}

/// A server that accepts every token, and starts a UDP service on every data channel.
class scripted_server {
 public:
  scripted_server() : listener_(tcp_socket::listen()), thread_([this] { accept_all(); }) {}
  ~scripted_server() {
    listener_.shutdown();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

  /// Requests `count` data channels, once a client has connected.
  bool request(int count) {
    if (!eventually([this] { return is_there_.load(); })) return false;
    std::string all;
    for (int i = 0; i < count; ++i) {
      all += to_text(protocol::bincode::encode_control_command(
          protocol::control_command::create_data_channel));
    }
    control_.send_all(all);
    return true;
  }

  /// Returns how many data channels have been opened so far.
  [[nodiscard]] std::size_t channels() const {
    const std::lock_guard held(guard_);
    return channels_.size();
  }

  /// Closes one of them.
  void drop_channel() {
    const std::lock_guard held(guard_);
    channels_.front().reset();
    channels_.erase(channels_.begin());
  }

 private:
  void accept_all() {
    while (auto peer = listener_.accept()) {
      try {
        serve(std::move(*peer));
      } catch (const std::system_error&) {
        // The test notices if the client ends.
      }
    }
  }

  void serve(tcp_socket peer) {
    using wire = protocol::bincode;
    const auto hello = wire::decode_hello(to_bytes(peer.receive(wire::hello_size)));
    if (!hello) return;
    if (hello->kind == protocol::hello_kind::data) {
      peer.send_all(to_text(wire::encode_data_command(protocol::data_command::start_forward_udp)));
      const std::lock_guard held(guard_);
      channels_.push_back(std::move(peer));
      return;
    }
    peer.send_all(to_text(wire::encode_hello({protocol::hello_kind::control, {}})));
    peer.receive(wire::auth_size);
    peer.send_all(to_text(wire::encode_ack(protocol::ack::ok)));
    control_ = std::move(peer);
    is_there_ = true;
  }

  tcp_socket listener_;
  tcp_socket control_;
  std::atomic<bool> is_there_ = false;
  mutable std::mutex guard_;
  std::vector<tcp_socket> channels_;
  std::thread thread_;
};

TEST_CASE("flood: a server that requests UDP data channels without end is bounded") {
  // The largest number that a server's UDP service may have.
  constexpr std::size_t most = 64;
  tunnel t(ours(tcp()));
  scripted_server server;
  t.remote_port = server.port();
  t.add_udp("echo", free_udp_port());
  t.start_client();
  INFO(t.logs());
  REQUIRE(server.request(4'000));
  REQUIRE(eventually([&] { return server.channels() >= most; }));
  CHECK_FALSE(eventually([&] { return server.channels() > most; }, milliseconds{500}));
  CHECK(open_descriptors(*t.client) < most + 64);
  // A closed channel makes room for another one.
  server.drop_channel();
  CHECK(eventually([&] { return server.channels() == most; }));
  CHECK_FALSE(eventually([&] { return server.channels() > most; }, milliseconds{200}));
  // The rest is dropped.
  CHECK(t.client->wait_for("limit reached"));
  t.client->signal(SIGTERM);
  CHECK(t.client->wait_exit() == 0);
}

}  // namespace
}  // namespace rathole::test
