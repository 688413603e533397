// Counts what a server does: an observer is any type with a member function `on` for each event that
// it wants. Start it, point a client at its port (see tcp_client), and press Ctrl-C for the totals.
//
//   RATHOLE_TOKEN=secret custom_observer 0.0.0.0:2333 0.0.0.0:5202

#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>

// [observer]
struct counter {
  void on(const rathole::server_side::forward_started& e) {
    ++forwards;
    begun.emplace(e.id, std::chrono::steady_clock::now());
  }
  void on(const rathole::server_side::forward_ended& e) {
    bytes += e.received + e.sent;
    if (e.error) ++broken;
    // The id pairs the two events.
    const auto lasted = std::chrono::steady_clock::now() - begun.extract(e.id).mapped();
    longest = std::max(longest, std::chrono::duration_cast<std::chrono::seconds>(lasted));
  }
  void on(const rathole::server_side::visitor_refused&) { ++refused; }

  std::uint64_t forwards = 0;
  std::uint64_t broken = 0;
  std::uint64_t refused = 0;
  std::uint64_t bytes = 0;
  std::chrono::seconds longest{0};

 private:
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> begun;
};
// [observer end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  const auto clients = rathole::parse_address(argc == 3 ? argv[1] : "");
  const auto visitors = rathole::parse_address(argc == 3 ? argv[2] : "");
  if (!clients || !visitors || token == nullptr) {
    std::fputs("usage: RATHOLE_TOKEN=<token> custom_observer <clients at> <visitors at>\n", stderr);
    return 2;
  }
  rathole::config::server settings;
  settings.bind_addr = *clients;
  settings.services = {{.name = "web", .bind_addr = *visitors, .token = rathole::secret(token)}};

  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context context(1);
  counter sums;
  rathole::transport::tcp tunnel{rathole::io::asio_runtime(context)};
  rathole::server_side::basic_server server(tunnel, settings, sums);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { server.stop(); });
  int status = 0;
  server.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "cannot listen: %s\n", ec.message().c_str());
    status = ec ? 1 : 0;
    signals.cancel();
  });
  context.run();
  std::printf(
      "%ju connections, %ju of them broke, %ju visitors refused, %ju bytes, longest %jd s\n",
      std::uintmax_t{sums.forwards}, std::uintmax_t{sums.broken}, std::uintmax_t{sums.refused},
      std::uintmax_t{sums.bytes}, static_cast<std::intmax_t>(sums.longest.count()));
  return status;
}
