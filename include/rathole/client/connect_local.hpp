#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/descriptors.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/client/report_target.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/sleep.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// Connects to a local address of `service` with `options`, in `runtime`: to that which `targets` chooses, and
/// if it fails, to the next one, with an equal part of the remaining `connect_timeout` for each. While no
/// descriptor is available, the attempt is repeated. Sets `tried` to the address that it connected to, or that
/// it tried last. Fails with the error of that attempt.
template <class Context>
io::task<typename Context::runtime_type::stream> connect_local(
    std::shared_ptr<Context> self, std::shared_ptr<const config::client_service> service,
    std::shared_ptr<local_targets> targets, typename Context::runtime_type runtime,
    io::socket_options options, address& tried) {
  const auto deadline = runtime.now() + service->connect_timeout;
  const auto connecting = self->stops.connecting.get_token();
  const bool is_watched = service->local_addr.size() > 1 || service->check;
  std::vector<address> order{service->local_addr.front()};
  if (is_watched) order = targets->order(runtime.now());
  for (std::size_t i = 0;; ++i) {
    tried = order[i];
    const auto others = static_cast<duration::rep>(order.size() - i);
    const time_point until = runtime.now() + (deadline - runtime.now()) / others;
    auto local = co_await runtime.connect(tried, options, until, connecting);
    for (;;) {
      if (local || !io::out_of_descriptors(local.error()) || runtime.now() >= deadline) break;
      descriptor_refused(self);
      co_await io::sleep_until(runtime, runtime.now() + io::shortage_pause, connecting);
      local = co_await runtime.connect(tried, options, deadline, connecting);
    }
    // The address is not to blame for a lack of descriptors.
    const bool is_judged =
        local || (local.error() != errc::stopped && !io::out_of_descriptors(local.error()));
    if (is_watched && is_judged) {
      const time_point now = runtime.now();
      if (local) {
        for (const address& up : targets->connected(tried, now))
          report_target(self, service, up, {});
      } else if (targets->failed(tried, now)) {
        report_target(self, service, tried, local.error());
      }
    }
    if (local || !is_judged || i + 1 == order.size()) co_return std::move(local);
  }
}

}  // namespace rathole::client_side
