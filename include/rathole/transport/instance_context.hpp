#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/event_list.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/transport/concepts.hpp>

#include <asio/post.hpp>

#include <atomic>
#include <new>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

namespace rathole::transport {

/// The part of the contexts of clients and servers that is the same: what connects them to their
/// transport and observer, and what ends them. `Settings` is `config::client` or `config::server`.
template <Transport T, class Observer, class Settings>
struct instance_context {
  /// The type of the transport.
  using transport_type = T;
  /// The type of the runtime of the transport.
  using runtime_type = typename T::runtime_type;
  /// The type of the streams of the transport, which carry control and data channels.
  using stream_type = typename T::stream;

  /// Makes the context of an instance that uses `made` and reports to `sink`.
  instance_context(T made, Observer& sink)
      : transport(std::move(made)),
        observer(sink),
        descriptors(transport.runtime().descriptor_limit()),
        group(transport.runtime().get_executor()) {}

  /// Returns the runtime of the control plane.
  runtime_type& runtime() { return transport.runtime(); }

  /// Returns why the instance cannot have the settings `of`; no error if it can.
  [[nodiscard]] std::error_code settings_error(const Settings& of) const {
    constexpr bool is_server = std::is_same_v<Settings, config::server>;
    constexpr config::side where = is_server ? config::side::server : config::side::client;
    if (!config::settings_problems(of).empty()) return errc::invalid_settings;
    if (!is_server && of.transport.multiplex != Multiplexing<T>) return errc::wrong_transport;
    if (transport.serves(of.transport.kind, of.transport.tcp, where)) return {};
    return errc::wrong_transport;
  }

  /// Reports `event` to the observer. Must be called on the control plane's thread.
  template <class Event>
    requires is_event<Event>
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
  /// The observer.
  Observer& observer;
  /// The use of descriptors by the instance; see `client/descriptors.hpp` and
  /// `server/descriptors.hpp`.
  protocol::descriptor_budget descriptors;
  /// The owner of every coroutine of the instance.
  io::task_group group;
  /// Requested when no new work may begin and everything except active connections must end.
  std::stop_source closing;
  /// Ends the active connections.
  io::drain_stops stops;
  /// Whether events say which `io::live_connection` a connection is, and what UDP services carry.
  std::atomic<bool> follows_traffic = false;
  /// Whether active connections may continue without a limit once the instance closes, until it is
  /// stopped.
  bool draining = false;
};

}  // namespace rathole::transport
