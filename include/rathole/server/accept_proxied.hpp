#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/proxy_protocol/header_reader.hpp>
#include <rathole/server/admit_visitor.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/refusals.hpp>
#include <rathole/server/serve_connection.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Returns whether a connection from `peer` begins with a header of the PROXY protocol. `of` are the settings
/// of the service, or of the server, that the connection is for.
template <class Settings>
bool expects_header(const Settings& of, const address& peer) {
  return of.accept_proxy_protocol && contains(of.trusted_proxies, peer);
}

/// Reads the header of the PROXY protocol at the front of `stream`, and nothing behind it. Fails with
/// `errc::timed_out` after `timeout`, with `errc::stopped` once `stop` is requested, with
/// `errc::end_of_stream` if the proxy closes the connection without a byte, with `errc::truncated` if it does
/// so later, and as the `proxy_protocol::header_reader` does.
template <class Runtime, class Stream>
io::task<proxy_protocol::header_reader> read_proxy_header(Runtime& runtime, Stream& stream,
                                                          duration timeout, std::stop_token stop) {
  // Who waits for an answer must not take the end for an empty one.
  const auto abort = [&stream] { stream.abort(); };
  const io::alarm<Runtime> on_timeout(runtime, runtime.now() + timeout, abort);
  const io::stop_action on_stop(stop, runtime.get_executor(), abort);
  proxy_protocol::header_reader header;
  std::array<std::uint8_t, 256> storage{};
  bool has_begun = false;
  while (!header.is_complete()) {
    const std::size_t most = std::min(header.wanted(), storage.size());
    const byte_span space = std::span(storage).first(most);
    const auto taken = co_await stream.read_some(space);
    if (!taken) co_return failure(on_timeout.explain(taken.error()));
    if (*taken == 0) co_return failure(has_begun ? errc::truncated : errc::end_of_stream);
    has_begun = true;
    const auto fed = header.receive(space.first(*taken));
    if (!fed) co_return failure(fed.error());
  }
  co_return header;
}

/// Reads the header of a connection from a trusted proxy, like `read_proxy_header`. The number of those that
/// are awaited has a limit of its own, because all come from few addresses: as many as unauthenticated
/// connections. Beyond it the new one fails with `errc::limit_reached`.
template <class Context>
io::task<proxy_protocol::header_reader> await_proxy_header(std::shared_ptr<Context> self,
                                                           typename Context::visitor_type& accepted,
                                                           std::stop_token stop) {
  if (self->awaited_headers >= self->admission_limits().total)
    co_return failure(errc::limit_reached);
  const protocol::descriptor_lease counted(self->awaited_headers);
  const protocol::descriptor_lease held(self->descriptors.use.one_sided);
  const duration timeout = self->settings->handshake_timeout;
  auto header = co_await read_proxy_header(self->runtime(), accepted, timeout, std::move(stop));
  co_return header;
}

/// Returns whether a connection from a trusted proxy is given up without a word: health checks close it
/// without a byte.
inline bool is_no_refusal(std::error_code cause) {
  return cause == errc::stopped || cause == errc::end_of_stream;
}

/// Reads the header of a connection from a trusted proxy to a service, and admits the visitor that it names.
template <class Session>
io::awaitable<void> admit_proxied_visitor(std::shared_ptr<Session> session,
                                          typename Session::context_type::visitor_type accepted) {
  const auto context = session->shared_context();
  const address proxy = accepted.peer();
  const auto header = co_await await_proxy_header(context, accepted, session->ending());
  if (!header) {
    accepted.abort();
    if (is_no_refusal(header.error())) co_return;
    const visitor_refused event{session->service()->name, proxy, header.error(), false, true};
    context->emit(event);
    co_return;
  }
  const auto& ends = header->ends();
  if (ends) accepted.set_peer(to_address(ends->source));
  typename Session::visitor_type arrived(std::move(accepted));
  if (ends) arrived.has_reached(to_address(ends->destination));
  admit_visitor(*session, std::move(arrived));
}

/// Reads the header of a connection from a trusted proxy to the clients' port, and serves the client that it
/// names. `listener` is requested when the listener of the connection is closed.
template <class Context>
io::awaitable<void> serve_proxied_connection(std::shared_ptr<Context> self,
                                             typename Context::visitor_type accepted,
                                             std::stop_token listener) {
  const address proxy = accepted.peer();
  const auto header = co_await await_proxy_header(self, accepted, listener);
  if (!header) {
    accepted.abort();
    if (!is_no_refusal(header.error())) report_refusal(*self, proxy, header.error(), nullptr, {});
    co_return;
  }
  if (header->ends()) accepted.set_peer(to_address(header->ends()->source));
  auto pending = self->admission->admit(accepted.peer());
  auto serving =
      serve_connection(self, std::move(accepted), std::move(pending), std::move(listener));
  co_await std::move(serving);
}

}  // namespace rathole::server_side
