// A server whose observer feeds counters, which are printed in the text format of Prometheus on
// SIGUSR1 and at the end.
//
//   RATHOLE_TOKEN=secret metrics_observer 0.0.0.0:2333 0.0.0.0:5202

#include <rathole/server.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <system_error>

// [observer]
/// Counts what a server does. An event is a view, valid during the call only.
class metrics {
 public:
  void on(const rathole::server::forward_started& e) {
    begun_[e.id] = std::chrono::steady_clock::now();
  }
  void on(const rathole::server::forward_ended& e) {
    ++connections_;
    if (e.error) ++broken_;
    received_ += e.received;
    sent_ += e.sent;
    // The id pairs the two events.
    seconds_ += std::chrono::steady_clock::now() - begun_.extract(e.id).mapped();
  }
  void on(const rathole::server::visitor_refused&) { ++refused_; }

  void print() const {
    const auto line = [](const char* name, double value) {
      std::printf("rathole_%s %.15g\n", name, value);
    };
    line("connections_active", static_cast<double>(begun_.size()));
    line("connections_total", static_cast<double>(connections_));
    line("connections_broken_total", static_cast<double>(broken_));
    line("connections_seconds_total", seconds_.count());
    line("visitors_refused_total", static_cast<double>(refused_));
    line("received_bytes_total", static_cast<double>(received_));
    line("sent_bytes_total", static_cast<double>(sent_));
    std::fflush(stdout);
  }

 private:
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> begun_;
  std::uint64_t connections_ = 0, broken_ = 0, refused_ = 0, received_ = 0, sent_ = 0;
  std::chrono::duration<double> seconds_{0};
};
// [observer end]

void print_on_signal(asio::signal_set& usr1, const metrics& counted) {
  usr1.async_wait([&](std::error_code ec, int) {
    if (ec) return;
    counted.print();
    print_on_signal(usr1, counted);
  });
}

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  const auto clients = rathole::parse_address(argc == 3 ? argv[1] : "");
  const auto visitors = rathole::parse_address(argc == 3 ? argv[2] : "");
  if (!clients || !visitors || token == nullptr) return 2;
  rathole::config::server settings;
  settings.bind_addr = *clients;
  settings.services = {{.name = "web", .bind_addr = *visitors, .token = rathole::secret(token)}};

  asio::io_context context(1);
  metrics counted;
  rathole::server server(context, settings, counted);
  asio::signal_set usr1(context, SIGUSR1);
  print_on_signal(usr1, counted);
  asio::signal_set stops(context, SIGINT, SIGTERM);
  stops.async_wait([&](std::error_code, int) { server.close(); });
  std::error_code failed;
  server.async_run([&](std::error_code ec) {
    failed = ec;
    usr1.cancel();
    stops.cancel();
  });
  context.run();
  if (failed) std::fprintf(stderr, "cannot listen: %s\n", failed.message().c_str());
  counted.print();
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
