#pragma once

#include <rathole/client/own_udp_sockets.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/run/shared_value.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/socket_options.hpp>

#include <asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::client {

template <class Context>
class service_runner;

/// The state that all parts of one client share. Coroutines hold it by `shared_ptr`, so it lives as
/// long as the last of them.
template <transport::Transport T, class Observer, protocol::Codec C>
struct context {
  /// The type of the transport.
  using transport_type = T;
  /// The type of the runtime of the transport.
  using runtime_type = typename T::runtime_type;
  /// The type of the streams of the transport.
  using stream_type = typename T::stream;
  /// The type of the protocol's codec.
  using codec_type = C;

  /// Makes the context of a client that reports to `sink`.
  context(T client_transport, config::client client_settings, Observer& sink)
      : transport(std::move(client_transport)),
        settings(config::bounded(std::move(client_settings))),
        observer(sink),
        descriptors(transport.runtime().descriptor_limit()),
        group(transport.runtime().get_executor()) {
    transport.set_options(transport::to_socket_options(*settings.load()));
  }

  /// Returns the runtime of the control plane.
  runtime_type& runtime() { return transport.runtime(); }

  /// Returns why the client cannot have the settings `of`; no error if it can.
  [[nodiscard]] std::error_code settings_error(const config::client& of) const {
    if (!config::settings_problems(of).empty()) return errc::invalid_settings;
    const config::transport& wanted = of.transport;
    if (transport.serves(wanted.kind, wanted.tcp, config::side::client)) return {};
    return errc::wrong_transport;
  }

  /// Reports `event` to the observer. Must be called on the control plane's thread.
  template <class Event>
  void emit(const Event& event) {
    try {
      notify(observer, event);
    } catch (const std::bad_alloc&) {
      // Without memory the observer misses the event; the work continues.
    }
  }

  /// Runs `work`, which only reports, on the control plane's thread, but never inside this call,
  /// because an observer that it notifies may change what the caller is working on. If memory runs
  /// out, nothing is reported.
  template <class F>
  void on_control_plane(F work) {
    try {
      asio::post(runtime().get_executor(), std::move(work));
    } catch (const std::bad_alloc&) {
      // The work continues without the report.
    }
  }

  /// The transport of the control plane.
  T transport;
  /// The current settings, which the control plane replaces.
  io::shared_value<config::client> settings;
  /// The observer.
  Observer& observer;
  /// The services by their names. The coroutines that run them own them.
  std::map<std::string, std::weak_ptr<service_runner<context>>, std::less<>> services;
  /// The use of descriptors by the client; see `client/descriptors.hpp`.
  protocol::descriptor_budget descriptors;
  /// Whether dials were deferred for lack of descriptors; used by all threads.
  std::atomic<bool> dials_deferred = false;
  /// The owner of every coroutine of the client.
  io::task_group group;
  /// The number of active connections, including those that still connect to their local service;
  /// used by all threads.
  std::atomic<std::size_t> forwards = 0;
  /// The number of visitors of UDP services, each with a socket; used by all threads.
  std::atomic<std::size_t> udp_visitors = 0;
  /// The most visitors that each UDP service may have; see `client/descriptors.hpp`. Used by all
  /// threads.
  std::atomic<std::size_t> udp_share = protocol::descriptor_budget::unlimited;
  /// The sockets of those visitors, which show that a service leads back to itself; used by all
  /// threads.
  client::own_udp_sockets own_udp_sockets;
  /// The number of the next connection; used by all threads.
  std::atomic<std::uint64_t> next_forward = 1;
  /// Requested when no new work may begin and everything except active connections must end.
  std::stop_source closing;
  /// Ends the active connections.
  io::drain_stops stops;
  /// Whether active connections may continue without a limit once the client closes, until it is
  /// stopped.
  bool draining = false;
};

}  // namespace rathole::client
