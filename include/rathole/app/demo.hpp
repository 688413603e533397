#pragma once

#include <rathole/app/demo_page.hpp>
#include <rathole/app/instance_observer.hpp>
#include <rathole/app/log/client_log.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/server_log.hpp>
#include <rathole/app/signal_handler.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::app::inline RATHOLE_ABI {

/// Runs a tunnel on this machine that needs no configuration: a server, a client and a sample HTTP
/// service in one process, on loopback addresses, with ports chosen by the system and a random
/// token.
class demo {
 public:
  /// Makes a demonstration. With `once` it fetches the page through the tunnel, compares it, and
  /// ends. It reports its steps on `out` and errors on `err`.
  demo(bool once, std::ostream& out, std::ostream& err) : once_(once), out_(out), err_(err) {}

  /// Runs the demonstration until a signal, or until it ends by itself. Returns the exit status: 0
  /// if it succeeded; with `once`, if the page was fetched.
  int run() {
    signal_handler signals(context_, stop_signals, [this](int) { stop_.request_stop(); });
    group_.spawn(play(signals));
    io::run_context(context_);
    return status_;
  }

 private:
  /// The longest time for `--once`.
  static constexpr std::chrono::seconds timeout{30};

  static secret random_token() {
    std::array<std::uint8_t, 16> bytes;
    crypto::system_rng().fill(bytes);
    return secret(to_hex(bytes));
  }

  io::awaitable<void> play(signal_handler& signals) {
    const auto wake = [this] { changed_.notify(); };
    const std::stop_callback on_stop(stop_.get_token(), wake);
    const time_point deadline = once_ ? runtime_.now() + timeout : time_point::max();
    const auto give_up = [this] { fail(make_error_code(errc::timed_out)); };
    const io::alarm<io::asio_runtime> on_timeout(runtime_, deadline, give_up);
    const auto ended = co_await serve(deadline);
    if (!ended) fail(ended.error());
    if (!ended && once_) status_ = EXIT_FAILURE;
    stop_.request_stop();
    if (server_) server_->stop_now();
    if (client_) client_->stop_now();
    signals.cancel();
  }

  /// Reports why the demonstration fails and ends it; has no effect once it is ending.
  void fail(std::error_code why) {
    if (stop_.stop_requested()) return;
    err_ << "Error: the demonstration failed: " << why.message() << '\n';
    status_ = EXIT_FAILURE;
    stop_.request_stop();
  }

  /// Starts the service, then the server, then the client, and shows the tunnel.
  io::task<void> serve(time_point deadline) {
    const address anywhere{"127.0.0.1", 0};
    auto acceptor = co_await runtime_.listen(anywhere);
    if (!acceptor) co_return failure(acceptor.error());
    const address local = acceptor->local();
    group_.spawn(serve_pages(std::move(*acceptor)));

    const secret token = random_token();
    config::server server_settings;
    server_settings.bind_addr = anywhere;
    server_settings.services.push_back({.name = "demo", .bind_addr = anywhere, .token = token});
    server_ =
        embed::make_instance(transport::prepared_server(), runtime_, server_settings, at_server_);
    const auto ready = [] {};
    server_->start(ready, [this](std::error_code ec) {
      at_server_.cancel();
      if (ec) fail(ec);
    });
    const auto clients_at = co_await wait_for(clients_);
    if (!clients_at) co_return failure(clients_at.error());

    config::client client_settings;
    client_settings.remote_addr = *clients_at;
    client_settings.services.push_back({.name = "demo", .local_addr = local, .token = token});
    client_ =
        embed::make_instance(transport::prepared_client(), runtime_, client_settings, at_client_);
    client_->start(ready, [this](std::error_code) { at_client_.cancel(); });
    const auto visitors_at = co_await wait_for(visitors_);
    if (!visitors_at) co_return failure(visitors_at.error());

    out_ << "A sample HTTP service listens at " << to_string(local)
         << ".\nA rathole client offers it to a rathole server at " << to_string(*clients_at)
         << ",\nand the server to its visitors at http://" << to_string(*visitors_at) << "/\n"
         << std::flush;
    if (once_) {
      const auto shown = co_await compare(*visitors_at, deadline);
      co_return shown;
    }
    out_ << "Open that page, or press Ctrl-C to end.\n" << std::flush;
    for (;;) {
      if (stop_.stop_requested()) co_return result<void>{};
      co_await changed_.wait();
    }
  }

  /// Waits until the server has reported an address.
  io::task<address> wait_for(const std::optional<address>& what) {
    for (;;) {
      if (what) co_return *what;
      if (stop_.stop_requested()) co_return failure(errc::stopped);
      co_await changed_.wait();
    }
  }

  /// Fetches the page as a visitor would, and checks that it is the service's.
  io::task<void> compare(address at, time_point deadline) {
    const auto page = co_await fetch_page(runtime_, std::move(at), deadline, stop_.get_token());
    if (!page) co_return failure(page.error());
    if (*page != demo_page) co_return failure(std::make_error_code(std::errc::bad_message));
    out_ << "Fetched that page through the tunnel: " << page->size()
         << " bytes, the same as the service sent.\n"
         << std::flush;
    co_return result<void>{};
  }

  io::awaitable<void> serve_pages(io::tcp_acceptor acceptor) {
    const auto accepted = [this](io::tcp_stream stream) {
      group_.spawn(answer_with_page(runtime_, std::move(stream), stop_.get_token()));
    };
    const auto failed = [](std::error_code, duration) {};
    const auto free_descriptor = [] { return false; };
    co_await io::accept_loop(runtime_, acceptor, backoff_parameters(), stop_.get_token(), accepted,
                             failed, free_descriptor);
  }

  const bool once_;
  std::ostream& out_;
  std::ostream& err_;
  int status_ = EXIT_SUCCESS;
  asio::io_context context_{1};
  io::asio_runtime runtime_{context_};
  io::task_group group_{context_.get_executor()};
  io::event changed_{context_.get_executor()};
  std::stop_source stop_;
  logger log_{log_filter(log_level::warn)};
  std::optional<address> clients_ = {};
  std::optional<address> visitors_ = {};
  server_log server_log_{log_, [this](std::string_view service, const address& at) {
                           (service.empty() ? clients_ : visitors_) = at;
                           changed_.notify();
                         }};
  client_log client_log_{log_};
  instance_observer<server_log> at_server_{context_.get_executor(), server_log_, [] {}};
  instance_observer<client_log> at_client_{context_.get_executor(), client_log_, [] {}};
  std::unique_ptr<embed::instance<config::server>> server_ = {};
  std::unique_ptr<embed::instance<config::client>> client_ = {};
};

}  // namespace rathole::app::inline RATHOLE_ABI
