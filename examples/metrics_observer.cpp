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
#include <system_error>

// [observer]
/// Counts what a server does. An event is a view, valid during the call only.
class metrics {
 public:
  void on(const rathole::server::forward_started&) { ++active_; }
  void on(const rathole::server::forward_ended& e) {
    --active_;
    ++ended_;
    if (e.error) ++broken_;
    received_ += e.received;
    sent_ += e.sent;
    seconds_ += e.lasted;
  }
  void on(const rathole::server::visitor_refused&) { ++refused_; }

  void print() const {
    const auto line = [](const char* name, double value) {
      std::printf("rathole_%s %.15g\n", name, value);
    };
    line("connections_active", static_cast<double>(active_));
    line("connections_total", static_cast<double>(ended_));
    line("connections_broken_total", static_cast<double>(broken_));
    line("connections_seconds_total", seconds_.count());
    line("visitors_refused_total", static_cast<double>(refused_));
    line("received_bytes_total", static_cast<double>(received_));
    line("sent_bytes_total", static_cast<double>(sent_));
    std::fflush(stdout);
  }

 private:
  std::uint64_t active_ = 0, ended_ = 0, broken_ = 0, refused_ = 0, received_ = 0, sent_ = 0;
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
  if (argc != 3 || token == nullptr) return 2;
  rathole::config::server settings;
  settings.bind_addr = argv[1];
  settings.services = {{.name = "web", .bind_addr = argv[2], .token = rathole::secret(token)}};

  asio::io_context context(1);
  metrics counted;
  rathole::server server(context, settings, counted);
  asio::signal_set usr1(context, SIGUSR1);
  print_on_signal(usr1, counted);
  asio::signal_set stops(context, SIGINT, SIGTERM);
  stops.async_wait([&](std::error_code ec, int) {
    server.close();
    if (!ec) stops.async_wait([&](std::error_code, int) { server.shutdown(); });
  });
  int status = EXIT_SUCCESS;
  server.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", server.explain(ec).c_str());
    if (ec) status = EXIT_FAILURE;
    usr1.cancel();
    stops.cancel();
  });
  context.run();
  counted.print();
  return status;
}
