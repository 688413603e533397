#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/proxy_protocol/header_reader.hpp>

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

}  // namespace rathole::server_side
