#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/diagnose/client_check.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/run_steps.hpp>
#include <rathole/embed/diagnose/server_check.hpp>
#include <rathole/embed/diagnose/start.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/async_run.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

namespace detail {

/// Starts a diagnosis whose steps are those of `Check`; see `start_diagnosis`.
template <class Check, class Block>
void start_check(asio::io_context& context, Block settings, diagnose_options options,
                 const cancellation_pointer& cancel, completion<diagnosis> done) {
  std::stop_source stop;
  if (cancel) {
    cancel->action = [stop](asio::cancellation_type) mutable { stop.request_stop(); };
  }
  auto check = std::make_shared<Check>(io::asio_runtime(context), std::move(settings),
                                       std::move(options), stop.get_token());
  auto work = run_steps(check);
  auto finish = [check = std::move(check), done = std::move(done)](std::error_code error) mutable {
    if (error == errc::stopped) error = asio::error::operation_aborted;
    diagnosis found = check->steps().take();
    // Closes what it holds before the caller learns of the end.
    check.reset();
    done(error, std::move(found));
  };
  io::async_run(context.get_executor(), std::move(work), std::move(stop), std::move(finish));
}

}  // namespace detail

RATHOLE_DECL void start_diagnosis(asio::io_context& context, config::client settings,
                                  diagnose_options options, const cancellation_pointer& cancel,
                                  completion<diagnosis> done) {
  detail::start_check<client_check<io::asio_runtime>>(context, std::move(settings),
                                                      std::move(options), cancel, std::move(done));
}

RATHOLE_DECL void start_diagnosis(asio::io_context& context, config::server settings,
                                  diagnose_options options, const cancellation_pointer& cancel,
                                  completion<diagnosis> done) {
  detail::start_check<server_check<io::asio_runtime>>(context, std::move(settings),
                                                      std::move(options), cancel, std::move(done));
}

}  // namespace rathole::embed::inline RATHOLE_ABI
