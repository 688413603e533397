#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/client/report_target.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/http/status_error.hpp>
#include <rathole/http/status_query.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/sleep.hpp>

#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// Checks the health of the local addresses of one service; see `config::health_check`. It lives on the
/// control plane.
template <class Context>
class health_checker {
 public:
  /// Makes one that checks nothing yet, and tells `targets` what it finds.
  health_checker(std::shared_ptr<Context> context, std::shared_ptr<local_targets> targets)
      : context_(std::move(context)), targets_(std::move(targets)) {}
  health_checker(const health_checker&) = delete;
  health_checker& operator=(const health_checker&) = delete;
  /// Ends the checks.
  ~health_checker() { running_.request_stop(); }

  /// Ends the checks that run, and begins those that `service` has, if any.
  void restart(const std::shared_ptr<const config::client_service>& service) {
    stop();
    running_ = std::stop_source();
    if (!service->check) return;
    for (const address& each : service->local_addr) {
      const auto work = [context = context_, service, targets = targets_, where = each,
                         stop = running_.get_token()] {
        return run(context, service, targets, where, stop);
      };
      auto& home = context_->runtime();
      context_->group.spawn(io::retry_on_bad_alloc(home, running_.get_token(), work));
    }
  }

  /// Ends the checks.
  void stop() { running_.request_stop(); }

 private:
  using runtime_type = typename Context::runtime_type;
  using service_pointer = std::shared_ptr<const config::client_service>;

  static io::awaitable<void> run(std::shared_ptr<Context> context, service_pointer service,
                                 std::shared_ptr<local_targets> targets, address where,
                                 std::stop_token stop) {
    auto& runtime = context->runtime();
    const config::health_check& by = *service->check;
    while (!stop.stop_requested()) {
      const auto passed = co_await check(context, service, where, stop);
      if (stop.stop_requested()) co_return;
      const std::error_code error = passed ? std::error_code() : passed.error();
      // A lack of descriptors says nothing about the service.
      const bool is_judged = passed || !io::out_of_descriptors(error);
      const bool changed = is_judged && (passed ? targets->check_passed(where, by)
                                                : targets->check_failed(where, by));
      if (changed) report_target(context, service, where, error);
      co_await io::sleep_until(runtime, runtime.now() + by.interval, stop);
    }
  }

  /// Asks once.
  static io::task<void> check(std::shared_ptr<Context> context, service_pointer service,
                              const address& where, std::stop_token stop) {
    auto& runtime = context->runtime();
    const config::health_check& by = *service->check;
    const time_point deadline = runtime.now() + by.timeout;
    io::socket_options options;
    options.prefer_ipv6 = service->prefer_ipv6;
    auto stream = co_await runtime.connect(where, options, deadline, stop);
    if (!stream) co_return failure(stream.error());
    if (by.kind == config::health_check_kind::tcp) {
      stream->close();
      co_return result<void>{};
    }
    bool is_late = false;
    const auto end = [&stream] { stream->abort(); };
    const io::stop_action on_stop(stop, runtime.get_executor(), end);
    typename runtime_type::timer timer(runtime);
    timer.arm(deadline, [&] {
      is_late = true;
      stream->abort();
    });
    http::status_query query(where.is_unix() ? "localhost" : to_string(where), by.path);
    io::machine_driver driver(runtime, *stream, query);
    const auto status = co_await driver.next();
    stream->abort();
    if (is_late) co_return failure(errc::timed_out);
    if (!status) co_return failure(status.error());
    if (*status > 399) co_return failure(std::error_code(*status, http::status_category()));
    co_return result<void>{};
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<local_targets> targets_;
  std::stop_source running_;
};

}  // namespace rathole::client_side
