#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/time/step_alarm.hpp>
#include <rathole/proxy/any_proxy.hpp>
#include <rathole/proxy/unreachable.hpp>

#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::transport {

/// Asks the proxy at the other end of `dialled` for a connection to `to`; the stream that it returns
/// is that connection. Fails with errors of `proxy::unreachable_category` if the proxy does not
/// answer, with the errors of the proxy protocol, and with `errc::stopped` as soon as `stop` is
/// requested. What is passed by reference must outlive the call.
template <io::Runtime R>
io::task<typename R::stream> proxy_handshake(R& runtime, typename R::stream dialled,
                                             const proxy::settings& through, const address& to,
                                             step_deadline deadline, std::stop_token stop) {
  const auto close = [&dialled] { dialled.close(); };
  const io::stop_action on_stop(stop, runtime.get_executor(), close);
  const io::step_alarm<R> on_timeout(runtime, deadline, close);
  proxy::any_proxy machine(through, to);
  io::machine_driver<proxy::any_proxy, typename R::stream, R> driver(runtime, dialled, machine);
  const auto connected = co_await driver.next();
  if (!connected) {
    const std::error_code why = on_timeout.explain(connected.error());
    const bool is_closed = why == errc::end_of_stream || why == std::errc::connection_reset;
    if (is_closed) co_return failure(proxy::unreachable(errc::end_of_stream));
    if (why == errc::timed_out) co_return failure(proxy::unreachable(why));
    // A response in another protocol must be distinguished from one of the server behind the proxy.
    if (why == errc::malformed_http) co_return failure(errc::malformed_proxy_answer);
    co_return failure(why);
  }
  // The proxy's address says nothing about the server, so the name stays what is dialled again.
  dialled.set_peer(to);
  co_return std::move(dialled);
}

}  // namespace rathole::transport
