#pragma once

#include <rathole/admin/admin_thread.hpp>
#include <rathole/app/admin_part.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/operation_hooks.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/version.hpp>

#include <expected>
#include <optional>
#include <utility>

namespace rathole::app::inline RATHOLE_ABI {

/// Serves the admin API of a program as its settings say, which may change. It lives on the control plane.
class served_api {
 public:
  /// Makes an object that serves nothing yet. What `of` refers to, and `log`, must outlive it.
  served_api(admin::admin_thread::source of, logger& log) : of_(std::move(of)), log_(log) {}

  /// Serves as `wanted` says, or not at all. If it cannot, the present API goes on, and the reason is
  /// returned.
  std::expected<void, start_failure> use(const std::optional<config::admin_options>& wanted) {
    if (wanted == served_ && (!thread_ || thread_->can_be_found())) return {};
    if (!wanted) {
      stop();
      served_.reset();
      return {};
    }
    auto layers = admin_layers(*wanted, problem_logger(log_));
    if (!layers) {
      return std::unexpected(start_failure{make_error_code(errc::invalid_key_material),
                                           "Cannot serve the admin API by TLS: " + layers.error()});
    }
    const bool is_same_address =
        served_ && served_->bind_addr == wanted->bind_addr && thread_->can_be_found();
    const auto done = is_same_address ? thread_->use(*wanted, std::move(*layers))
                                      : begin(*wanted, std::move(*layers));
    if (!done) {
      return std::unexpected(start_failure{
          done.error(), "Cannot serve the admin API at " + escape(wanted->bind_addr) + ": " +
                            done.error().message() + admin_listen_advice(*wanted, done.error())});
    }
    served_ = wanted;
    log_.write(log_level::info, "rathole::admin",
               "Serving the admin API at " + escape(wanted->bind_addr));
    return {};
  }

  /// Accepts no connections from now on; open ones go on.
  void stop_listening() {
    if (thread_) thread_->stop_listening();
  }
  /// Ends the API.
  void stop() {
    if (const auto ended = std::exchange(thread_, nullptr)) ended->stop();
  }

 private:
  /// Serves at the address of `options`, in the place of the present API if there is one.
  result<void> begin(const config::admin_options& options, transport::layer_maker layers) {
    // One at the same port would be in the way, if only for another address.
    const bool is_in_the_way = thread_ && served_ && has_same_port(*served_, options);
    if (!is_in_the_way) return replace_thread(options, std::move(layers));
    const config::admin_options before = *served_;
    stop();
    served_.reset();
    const auto begun = replace_thread(options, std::move(layers));
    if (begun) return begun;
    auto old_layers = admin_layers(before, problem_logger(log_));
    if (old_layers && replace_thread(before, std::move(*old_layers))) served_ = before;
    return begun;
  }

  static bool has_same_port(const config::admin_options& one, const config::admin_options& other) {
    const auto first = parse_address(one.bind_addr);
    const auto second = parse_address(other.bind_addr);
    if (!first || !second) return false;
    if (first->is_unix() || second->is_unix()) return first->host == second->host;
    return first->port == second->port;
  }

  /// Serves as `options` say; the API that there is goes on unless that succeeds.
  result<void> replace_thread(const config::admin_options& options, transport::layer_maker layers) {
    auto made = admin::admin_thread::open(of_, options, std::move(layers));
    if (!made) return failure(made.error());
    if (const auto ended = std::exchange(thread_, std::move(*made))) ended->stop();
    const auto begun = thread_->start();
    if (!begun) {
      thread_ = nullptr;
      served_.reset();
    }
    return begun;
  }

  const admin::admin_thread::source of_;
  logger& log_;
  /// The options by which the API is served.
  std::optional<config::admin_options> served_;
  admin::admin_thread::pointer thread_;
};

}  // namespace rathole::app::inline RATHOLE_ABI
