#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Performs all steps of `check`, a `client_check` or `server_check`, one after the other, and
/// reports each as soon as it has ended. Fails with `errc::stopped` if the check was stopped.
template <class Check>
io::task<void> run_steps(std::shared_ptr<Check> check) {
  auto& steps = check->steps();
  std::size_t reported = 0;
  for (;;) {
    const auto* const action = steps.next();
    for (; reported < steps.done().steps.size(); ++reported) {
      check->report(steps.done().steps[reported]);
    }
    if (!action) co_return result<void>{};
    const time_point began = check->now();
    auto found = co_await check->perform(*action);
    if (check->stop_requested()) co_return failure(errc::stopped);
    const duration took = check->now() - began;
    if (found) {
      steps.succeeded(std::move(*found), took);
    } else {
      steps.failed(found.error(), check->explain(*action, found.error()), took);
    }
  }
}

}  // namespace rathole::embed::inline RATHOLE_ABI
