#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/pace/bandwidth.hpp>
#include <rathole/io/stream/either_stream.hpp>
#include <rathole/protocol/admission.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/registry.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/admission_control.hpp>
#include <rathole/server/client_listeners.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/server/refusal_reporter.hpp>
#include <rathole/server/udp_turns.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/instance_context.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace rathole::server_side {

template <class Context>
class control_session;

/// The state that all parts of one server share; see also `instance_context`. Coroutines hold it by
/// `shared_ptr`, so it lives as long as the last of them.
template <transport::Transport T, class Observer, protocol::Codec C>
struct context : transport::instance_context<T, Observer, config::server> {
  /// The type of the runtime of the transport.
  using runtime_type = typename T::runtime_type;
  /// The type of the connections of clients.
  using connection_type = typename T::stream;
  /// The type of the streams of clients, which carry control and data channels: a connection, or a
  /// stream of a multiplexed one.
  using stream_type = io::either_stream<connection_type, io::mux_stream>;
  /// The type of the stream of a visitor.
  using visitor_type = typename runtime_type::stream;
  /// The type of the protocol's codec.
  using codec_type = C;
  /// The registry of services. It holds sessions weakly, because they belong to the coroutines
  /// that run them, which keep the context alive; if the registry owned them, neither would ever be
  /// freed.
  using registry_type = protocol::map_registry<std::shared_ptr<const config::server_service>,
                                               std::weak_ptr<control_session<context>>>;
  /// The type of the server's `admission_control`.
  using admission_type = admission_control<runtime_type>;
  /// The type of listeners for clients.
  using listener_type = client_listener<typename runtime_type::acceptor>;
  /// A listener for clients, shared with the coroutine that accepts on it.
  using listener_pointer = std::shared_ptr<listener_type>;

  /// Makes the context of a server that reports to `sink` and asks `decisions`, which may be null.
  context(T server_transport, config::server server_settings, Observer& sink,
          std::shared_ptr<server_hooks> decisions)
      : context::instance_context(std::move(server_transport), sink),
        settings(
            std::make_shared<const config::server>(config::bounded(std::move(server_settings)))),
        hooks(decisions ? std::move(decisions) : std::make_shared<server_hooks>()),
        admission(std::make_shared<admission_type>(this->runtime(), admission_limits(),
                                                   settings->handshake_timeout)),
        refusals(this->runtime(), [this](const refusal_summary& summary) {
          this->emit(connections_refused{summary});
        }) {
    this->transport.set_options(transport::to_socket_options(settings->transport.tcp));
  }

  /// The current settings. Only the control plane replaces them; code on other threads holds a
  /// pointer of its own.
  std::shared_ptr<const config::server> settings;
  /// The functions of the program that decide; never null.
  std::shared_ptr<server_hooks> hooks;
  /// The listeners for clients.
  client_listeners<typename runtime_type::acceptor> listeners;
  /// The listeners that another server hands over; used when this one starts to listen.
  client_listeners<typename runtime_type::acceptor> taken_over;
  /// The addresses at which the server listens; never null. Other servers may share it.
  std::shared_ptr<listening_addresses> addresses = std::make_shared<listening_addresses>();
  /// The services and their sessions.
  registry_type registry;
  /// What counts the visitors of the TCP services that have limits, by their names. Connections outlive the
  /// session in which they began, and so do their counts.
  std::map<std::string, std::shared_ptr<protocol::visitor_limits>, std::less<>> visitor_counts;
  /// The bandwidth of the TCP services that have a limit, by their names.
  std::map<std::string, std::shared_ptr<io::bandwidth>, std::less<>> bandwidths;
  /// When the descriptor limit must be queried again.
  time_point limit_due{};
  /// The order in which the server halves of UDP services start to listen.
  server_side::udp_turns udp_turns;
  /// The connections that are not control or data channels yet.
  const std::shared_ptr<admission_type> admission;
  /// How many connections of trusted proxies have not sent their header of the PROXY protocol yet.
  std::size_t awaited_headers = 0;
  /// Reports summaries of refused connections.
  refusal_reporter<runtime_type> refusals;
  /// When a client that a service does not take is reported again, by the names of the services.
  std::map<std::string, time_point, std::less<>> conflict_reports;
  /// The number of the next client that serves a service.
  std::uint64_t next_client = 1;
  /// The number of the next connection.
  std::uint64_t next_forward = 1;

  // The two layers, which cannot include each other, must have the same defaults.
  static_assert(config::defaults::max_handshakes == protocol::default_max_handshakes &&
                config::defaults::max_handshakes_per_address ==
                    protocol::default_max_handshakes_per_source);

  /// Returns the limits of `admission`: those of the settings, reduced if there are too few
  /// descriptors.
  [[nodiscard]] protocol::admission_limits admission_limits() const {
    protocol::admission_limits out;
    out.total = std::min(settings->max_handshakes, this->descriptors.max_handshakes());
    out.per_source = settings->max_handshakes_per_address;
    return out;
  }
};

}  // namespace rathole::server_side
