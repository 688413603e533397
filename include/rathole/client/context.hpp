#pragma once

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/own_udp_sockets.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/client/uplink.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/io/run/shared_value.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/instance_context.hpp>
#include <rathole/transport/socket_options.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rathole::client_side {

template <class Context>
class local_service;

/// The state that all parts of one client share; see also `instance_context`. Coroutines hold it by
/// `shared_ptr`, so it lives as long as the last of them.
template <transport::Transport T, class Observer, protocol::Codec C>
struct context : transport::instance_context<T, Observer, config::client> {
  /// The type of the protocol's codec.
  using codec_type = C;

  /// Makes the context of a client that reports to `sink`.
  context(T client_transport, config::client client_settings, Observer& sink)
      : context::instance_context(std::move(client_transport), sink),
        settings(config::bounded(std::move(client_settings))) {
    this->transport.set_options(transport::to_socket_options(*settings.load()));
  }

  /// Returns the runtime for the data channels of a UDP service: a worker's, unless streams are
  /// multiplexed and so cannot leave the control plane.
  typename T::runtime_type data_runtime() {
    if constexpr (transport::Multiplexing<T>) return this->runtime();
    return this->runtime().worker();
  }

  /// The current settings, which the control plane replaces.
  io::shared_value<config::client> settings;
  /// What holds the services on the servers.
  std::vector<std::shared_ptr<uplink<context>>> uplinks;
  /// The local services of its TCP services by their names. What holds a service on a server owns them.
  std::map<std::string, std::weak_ptr<local_service<context>>, std::less<>> local_services;
  /// Whether the client ends because it has given up all its services.
  bool has_given_up = false;
  /// The receivers of the TCP services that the program itself serves, by their names.
  std::map<std::string, std::shared_ptr<stream_receiver>, std::less<>> receivers;
  /// The receivers of the UDP services that the program itself serves, by their names. A service
  /// without a receiver loses its datagrams.
  std::map<std::string, std::shared_ptr<datagram_receiver>, std::less<>> datagram_receivers;
  /// Whether dials were deferred for lack of descriptors; used by all threads.
  std::atomic<bool> dials_deferred = false;
  /// The number of active connections, including those that still connect to their local service;
  /// used by all threads.
  std::atomic<std::size_t> forwards = 0;
  /// The number of those that are multiplexed streams; used by all threads.
  std::atomic<std::size_t> multiplexed_forwards = 0;
  /// The number of visitors of UDP services that have a socket each; used by all threads.
  std::atomic<std::size_t> udp_visitors = 0;
  /// The most visitors that each UDP service may have; see `client/descriptors.hpp`. Used by all
  /// threads.
  std::atomic<std::size_t> udp_share = protocol::descriptor_budget::unlimited;
  /// The sockets of those visitors, which show that a service leads back to itself; used by all
  /// threads.
  client_side::own_udp_sockets own_udp_sockets;
  /// The number of the next connection; used by all threads.
  std::atomic<std::uint64_t> next_forward = 1;
};

}  // namespace rathole::client_side
