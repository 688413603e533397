#pragma once

#include "support/failing_allocator.hpp"
#include "support/sim_world.hpp"

#include <rathole/client/client.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/connection_rate.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/server/server.hpp>

#include <asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {

using namespace std::chrono_literals;

/// Says which program of a tunnel runs out of memory.
enum class swept { server, client };

/// The resources that an idle tunnel uses.
struct holdings {
  sim::resource_counts resources;
  std::size_t server_tasks = 0;
  std::size_t client_tasks = 0;
  protocol::descriptor_use server_descriptors;
  protocol::descriptor_use client_descriptors;
};

/// Thrown if an invariant of a tunnel is violated.
struct invariant_violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require_that(bool holds, const std::string& what) {
  if (!holds) throw invariant_violation(what);
}

/// A server on host "server" and a client on host "client" in a simulated world, of which one runs
/// out of memory, with the TCP service "web" (server:5202, lan:8080) and the UDP service "ask"
/// (server:5203, lan:8081). Visitors and local services are on hosts of their own, which always have
/// memory. `Kit` names the transport: `layered_tcp`, `make(runtime)`, `kind`.
template <class Kit>
class swept_tunnel {
 public:
  explicit swept_tunnel(swept which) : which_(which), bench_(3) {
    auto& net = bench_.world.net();
    net.run_apart(host(), [this](asio::io_context& context) {
      std::optional<failing_allocator::armed> now;
      if (is_short_) now.emplace();
      return context.poll_one();
    });
    net.complete_at_once(500);
    set_up();
    bench_.tasks.spawn(serve_web(bench_.world.make_runtime("lan"), bench_.tasks));
    ask_.emplace(bench_, "lan", std::uint16_t{8081});
    ask_->answers = true;
    run_for(10ms);
  }
  swept_tunnel(const swept_tunnel&) = delete;
  swept_tunnel& operator=(const swept_tunnel&) = delete;

  /// Runs the tunnel while memory is short: visitors, datagrams, changes of settings. Returns how
  /// many forwarded connections broke.
  std::size_t live() {
    is_short_ = true;
    start_server();
    run_for(100ms);
    start_client();
    run_for(500ms);
    restart_failed();
    run_for(200ms);
    web_visitor first(*this);
    web_visitor second(*this);
    ask_visitor asking(*this);
    ask_visitor calling(*this);
    first.exchange_data();
    second.exchange_data();
    asking.ask();
    calling.ask();
    crowd();
    update(true);
    first.exchange_data();
    asking.ask();
    run_for(300ms);
    update(false);
    second.exchange_data();
    calling.ask();
    asking.ask();
    first.end();
    run_for(200ms);
    second.exchange_data();
    is_short_ = false;
    return first.broken() + second.broken();
  }

  /// Checks that everything recovers within a bounded time once memory is available, and stays so.
  holdings recover() {
    restart_failed();
    run_for(500ms);
    update(false);
    require_that(!update_failed_, "settings are refused although memory is there");
    const time_point limit = bench_.world.now() + 30s;
    while (!visits()) require_that(bench_.world.now() < limit, "no visitor is served again");
    while (!ask_visitor(*this).ask()) {
      require_that(bench_.world.now() < limit, "no datagram is answered again");
    }
    run_for(60s);
    for (int i = 0; i < 3; ++i) require_that(visits(), "a visitor is not served when idle");
    ask_visitor last(*this);
    require_that(last.ask(), "a datagram is not answered when idle");
    run_for(60s);
    holdings out;
    out.resources = bench_.world.net().in_use();
    out.server_tasks = server_->tasks();
    out.client_tasks = client_->tasks();
    out.server_descriptors = server_->descriptors();
    out.client_descriptors = client_->descriptors();
    return out;
  }

  /// Stops both programs, while memory is short or not; nothing may remain in use.
  void stop(bool is_short) {
    web_visitor last(*this);
    last.exchange_data();
    is_short_ = is_short;
    server_->stop();
    client_->stop();
    run_for(1s);
    is_short_ = false;
    server_->stop_now();
    client_->stop_now();
    run_for(60s);
    require_that(server_ended_ && client_ended_, "a program does not end");
    require_that(server_->tasks() == 0 && client_->tasks() == 0, "work continues after the end");
    last.drop();
    run_for(1s);
    const sim::resource_counts& left = bench_.world.net().in_use();
    require_that(left.streams == 0, "streams are left open");
    require_that(left.timers == 0, "timers are left armed");
    require_that(left.acceptors == 1 && left.datagram_sockets == 1, "a socket is left open");
  }

 private:
  struct observer {
    void on(const server_side::ready&) { *flag = true; }
    void on(const client_side::control_channel_established&) { *flag = true; }
    bool* flag;
  };
  using server_type = server_side::basic_server<typename Kit::layered_tcp, observer>;
  using client_type = client_side::basic_client<typename Kit::layered_tcp, observer>;

  /// A UDP socket that records what it receives, or sends it back.
  struct udp_peer {
    udp_peer(sim_bench& bench, std::string_view host, std::uint16_t port = 0)
        : socket(bench.must(bench.world.make_runtime(host).bind_udp({"0.0.0.0", port}, {}))) {
      socket.watch([this] {
        for (const io::datagram& each : socket.receive()) {
          if (answers) socket.send(std::span(&each, 1));
          got.emplace(each.payload.begin(), each.payload.end());
        }
      });
    }
    sim::datagram_socket socket;
    std::set<std::string> got;
    bool answers = false;
  };

  /// A visitor of "ask".
  class ask_visitor {
   public:
    explicit ask_visitor(swept_tunnel& of)
        : tunnel_(of), number_(++of.visitor_count_), peer_(of.bench_, "visitor") {}

    /// Sends a datagram; returns whether the reply arrives. Nothing else may arrive.
    bool ask() {
      const std::string last =
          "guest " + std::to_string(number_) + " asks " + std::to_string(sent_.size());
      sent_.insert(last);
      io::datagram one;
      one.peer = tunnel_.bench_.world.net().at("server").endpoint(5203);
      one.payload = bytes(last);
      peer_.socket.send(std::span(&one, 1));
      const auto is_back = [&] { return peer_.got.contains(last); };
      const bool out = tunnel_.bench_.world.run_until(is_back, 500ms) == sim::outcome::done;
      for (const std::string& each : peer_.got) {
        require_that(sent_.contains(each), "a datagram of another visitor, or none: " + each);
      }
      return out;
    }

   private:
    swept_tunnel& tunnel_;
    std::size_t number_;
    udp_peer peer_;
    std::set<std::string> sent_;
  };

  /// A visitor of "web" that exchanges data for a while.
  class web_visitor {
   public:
    explicit web_visitor(swept_tunnel& of) : tunnel_(of), number_(++of.visitor_count_) {
      auto dialled = of.bench_.get(of.visitor_.connect({"server", 5202}, {}, of.soon(), {}));
      if (dialled) stream_.emplace(std::move(*dialled));
    }

    /// Sends something and receives it back.
    void exchange_data() {
      if (!stream_) return;
      const std::string text = marked(number_, 5000, messages_++);
      auto answer = tunnel_.bench_.begin(say(*stream_, text));
      tunnel_.bench_.world.run_until([&] { return answer->has_value(); }, 20s);
      require_that(answer->has_value(), "a visitor is neither served nor refused");
      const result<std::string>& received = **answer;
      if (received && *received == text) {
        was_served_ = true;
        return;
      }
      if (received) require_that(text.starts_with(*received), "bytes of another connection");
      is_broken_ = was_served_;
      stream_.reset();
    }
    /// Shuts down sending, and reads until the end of the stream.
    void end() {
      if (!stream_) return;
      (void)tunnel_.bench_.get(stream_->shutdown_send());
      const auto rest = tunnel_.bench_.get(read_all(*stream_));
      require_that(!rest || rest->empty(), "bytes behind the last answer");
      is_broken_ = was_served_ && !rest;
      stream_.reset();
    }
    void drop() { stream_.reset(); }

    /// Returns whether the connection was forwarded and then broke.
    [[nodiscard]] std::size_t broken() const { return is_broken_ ? 1 : 0; }

   private:
    static io::task<std::string> say(sim::stream& to, std::string text) {
      const auto sent = co_await to.write(bytes(text));
      if (!sent) co_return failure(sent.error());
      std::string received;
      while (received.size() < text.size()) {
        std::uint8_t buffer[2048];
        const auto count = co_await to.read_some(buffer);
        if (!count) co_return failure(count.error());
        if (*count == 0) break;
        received.append(reinterpret_cast<const char*>(buffer), *count);
      }
      co_return received;
    }

    swept_tunnel& tunnel_;
    std::size_t number_;
    std::optional<sim::stream> stream_;
    std::size_t messages_ = 0;
    bool was_served_ = false;
    bool is_broken_ = false;
  };

  /// Returns bytes that are unique to a visitor and a time.
  static std::string marked(std::size_t visitor, std::size_t size, std::size_t time) {
    std::string out;
    const std::string mark = std::to_string(visitor) + ':' + std::to_string(time) + ':';
    while (out.size() < size) out += mark + std::to_string(out.size()) + ' ';
    return out;
  }

  /// A visitor that sends everything at once, ends its direction, and reads to the end.
  static io::awaitable<void> visit(sim::runtime from, std::size_t number,
                                   std::shared_ptr<std::optional<bool>> served,
                                   std::shared_ptr<bool> is_strange) {
    *served = false;
    const address to{"server", 5202};
    const io::socket_options options;
    const std::stop_token none;
    auto stream = co_await from.connect(to, options, from.now() + 20s, none);
    if (!stream) co_return;
    const std::string text = marked(number, 3000, 0);
    *served = std::nullopt;
    const auto sent = co_await stream->write(bytes(text));
    if (sent) co_await stream->shutdown_send();
    std::string received;
    bool is_whole = false;
    for (;;) {
      std::uint8_t buffer[2048];
      const auto count = co_await stream->read_some(buffer);
      if (!count) break;
      is_whole = *count == 0;
      if (is_whole) break;
      received.append(reinterpret_cast<const char*>(buffer), *count);
    }
    *is_strange = !text.starts_with(received);
    *served = is_whole && received == text;
  }

  /// Returns whether a visitor is served now.
  bool visits() {
    const auto served = std::make_shared<std::optional<bool>>();
    const auto strange = std::make_shared<bool>(false);
    bench_.tasks.spawn(visit(visitor_, ++visitor_count_, served, strange));
    run_for(500ms);
    bench_.world.run_until([&] { return served->has_value(); }, 20s);
    require_that(served->has_value(), "a visitor is neither served nor refused");
    require_that(!*strange, "bytes of another connection");
    return **served;
  }

  /// Connects more visitors than there are data channels, and than may wait.
  void crowd() {
    std::vector<std::shared_ptr<std::optional<bool>>> served;
    const auto strange = std::make_shared<bool>(false);
    for (int i = 0; i < 6; ++i) {
      served.push_back(std::make_shared<std::optional<bool>>());
      bench_.tasks.spawn(visit(visitor_, ++visitor_count_, served.back(), strange));
    }
    run_for(300ms);
    for (const auto& each : served) {
      bench_.world.run_until([&] { return each->has_value(); }, 20s);
      require_that(each->has_value(), "a visitor of a crowd is neither served nor refused");
    }
    require_that(!*strange, "bytes of another connection");
  }

  static io::awaitable<void> echo(sim::stream stream) {
    for (;;) {
      std::uint8_t buffer[2048];
      const auto count = co_await stream.read_some(buffer);
      if (!count || *count == 0) break;
      const auto sent = co_await stream.write(byte_view(buffer).first(*count));
      if (!sent) break;
    }
    co_await stream.shutdown_send();
  }
  static io::awaitable<void> serve_web(sim::runtime on, io::task_group& group) {
    const address at{"0.0.0.0", 8080};
    auto acceptor = co_await on.listen(at);
    for (;;) {
      auto stream = co_await acceptor->accept();
      if (stream) group.spawn(echo(std::move(*stream)));
    }
  }

  void set_up() {
    server_settings_.transport.kind = Kit::kind;
    client_settings_.transport.kind = Kit::kind;
    server_settings_.bind_addr = {"0.0.0.0", 2333};
    client_settings_.remote_addr = {"server", 2333};
    client_settings_.max_dials = 2;
    add_service("web", config::service_kind::tcp, 5202);
    add_service("ask", config::service_kind::udp, 5203);
  }

  void add_service(const std::string& name, config::service_kind kind, std::uint16_t port) {
    auto& at_server = server_settings_.services.emplace_back();
    at_server.name = name;
    at_server.kind = kind;
    at_server.bind_addr = {"0.0.0.0", port};
    at_server.token = secret("correct horse");
    at_server.pool.size = 2;
    at_server.pool.max_waiting_visitors = 2;
    at_server.pool.visitor_timeout = 2s;
    at_server.udp.idle_timeout = 5s;
    // Limits that nobody reaches.
    at_server.access.deny = {parse_ip_network("192.0.2.0/24").value()};
    at_server.max_connections_per_address = 1000;
    at_server.new_connections_per_second = connection_rate{1000, 1000};
    if (kind == config::service_kind::tcp) {
      at_server.max_connections = 10'000;
      at_server.bandwidth = {.in = 100 << 20, .out = 100 << 20};
    }
    auto& at_client = client_settings_.services.emplace_back();
    at_client.name = name;
    at_client.kind = kind;
    at_client.local_addr = {
        "lan", kind == config::service_kind::tcp ? std::uint16_t{8080} : std::uint16_t{8081}};
    at_client.token = secret("correct horse");
    at_client.udp.idle_timeout = 5s;
  }

  /// Gives both programs other settings: with one more service of each type, or without. Failures
  /// are recorded.
  void update(bool more) {
    const config::server server_before = server_settings_;
    const config::client client_before = client_settings_;
    if (more) {
      add_service("more", config::service_kind::tcp, 5204);
      add_service("most", config::service_kind::udp, 5205);
    }
    const config::server at_server = server_settings_;
    const config::client at_client = client_settings_;
    server_settings_ = server_before;
    client_settings_ = client_before;
    update_failed_ = false;
    int done = 0;
    asio::post(server_runtime_.get_executor(), [this, &at_server, &done] {
      try {
        server_->async_update(at_server, [this, &done](std::error_code ec) {
          if (ec) update_failed_ = true;
          ++done;
        });
      } catch (const std::bad_alloc&) {
        update_failed_ = true;
        ++done;
      }
    });
    asio::post(client_runtime_.get_executor(), [this, &at_client, &done] {
      try {
        if (!client_->update(at_client)) update_failed_ = true;
      } catch (const std::bad_alloc&) {
        update_failed_ = true;
      }
      ++done;
    });
    bench_.world.run_until([&] { return done == 2; }, 10s);
    require_that(done == 2, "an update does not end");
  }

  /// A program that failed to start for lack of memory is started again; none ends later.
  void restart_failed() {
    if (server_ended_) {
      require_that(*server_ended_ == out_of_memory() && !was_ready_, "the server ended");
      start_server();
    }
    if (client_ended_) {
      require_that(*client_ended_ == out_of_memory() && !was_served_, "the client ended");
      start_client();
    }
  }

  void start_server() {
    server_ended_.reset();
    server_.emplace(Kit::make(server_runtime_), server_settings_, server_observer_);
    server_->async_run([this](std::error_code ec) { server_ended_ = ec; });
  }
  void start_client() {
    client_ended_.reset();
    client_.emplace(Kit::make(client_runtime_), client_settings_, client_observer_);
    client_->async_run([this](std::error_code ec) { client_ended_ = ec; });
  }

  [[nodiscard]] std::string_view host() const {
    return which_ == swept::server ? "server" : "client";
  }
  time_point soon() { return bench_.world.now() + 20s; }
  void run_for(duration length) {
    require_that(bench_.world.run_for(length) != sim::outcome::livelock, "it runs in circles");
  }

  swept which_;
  bool is_short_ = false;
  sim_bench bench_;
  sim::runtime server_runtime_ = bench_.world.make_runtime("server");
  sim::runtime client_runtime_ = bench_.world.make_runtime("client");
  sim::runtime visitor_ = bench_.world.make_runtime("visitor");
  config::server server_settings_;
  config::client client_settings_;
  bool was_ready_ = false;
  bool was_served_ = false;
  observer server_observer_{&was_ready_};
  observer client_observer_{&was_served_};
  std::optional<server_type> server_;
  std::optional<client_type> client_;
  std::optional<std::error_code> server_ended_;
  std::optional<std::error_code> client_ended_;
  std::optional<udp_peer> ask_;
  bool update_failed_ = false;
  std::size_t visitor_count_ = 0;
};

}  // namespace rathole::test
