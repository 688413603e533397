#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/event_sink.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/published.hpp>
#include <rathole/io/task_group.hpp>
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

/// What all parts of one client share. Coroutines hold it by `shared_ptr`, so it lives as long as
/// the last of them.
template <transport::Transport T, class Observer, protocol::Codec C>
struct context {
  using transport_type = T;
  using runtime_type = typename T::runtime_type;
  using stream_type = typename T::stream;
  using codec_type = C;

  context(T carrier, config::client client_settings, Observer& sink)
      : transport(std::move(carrier)),
        settings(config::bounded(std::move(client_settings))),
        observer(sink),
        descriptors(transport.runtime().descriptor_limit()),
        group(transport.runtime().get_executor()) {
    transport.set_options(transport::to_socket_options(*settings.load()));
  }

  runtime_type& runtime() { return transport.runtime(); }

  /// Why `of` cannot be the client's settings; no error if they can.
  [[nodiscard]] std::error_code refusal_of(const config::client& of) const {
    if (!config::settings_problems(of).empty()) return errc::invalid_settings;
    const config::transport& wanted = of.transport;
    if (transport.serves(wanted.kind, wanted.tcp, config::side::client)) return {};
    return errc::wrong_transport;
  }

  template <class Event>
  void tell(const Event& event) {
    try {
      notify(observer, event);
    } catch (const std::bad_alloc&) {
      // The observer misses an event. What the event is about goes on.
    }
  }

  /// Runs `work`, which only reports, on the control plane's thread, never inside this call: an
  /// observer that it notifies may change whatever the caller is in the middle of. Where memory runs
  /// out nothing is reported.
  template <class F>
  void on_control_plane(F work) {
    try {
      asio::post(runtime().get_executor(), std::move(work));
    } catch (const std::bad_alloc&) {
      // What the report is about goes on.
    }
  }

  T transport;
  /// Replaced on the control plane.
  io::published<config::client> settings;
  Observer& observer;
  /// By the services' names; they belong to the coroutines that run them, which keep the context.
  std::map<std::string, std::weak_ptr<service_runner<context>>, std::less<>> services;
  /// What the client's descriptors are used for; `client/descriptors.hpp` divides them.
  protocol::descriptor_budget descriptors;
  /// Whether data channels were commanded for which there were no descriptors; on all threads.
  std::atomic<bool> dials_deferred = false;
  /// Every coroutine of the client.
  io::task_group group;
  /// Forwards that run, those included that still connect to their local service; on all threads.
  std::atomic<std::size_t> forwards = 0;
  /// Numbers the forwards; on all threads.
  std::atomic<std::uint64_t> next_forward = 1;
  /// Requested when no new work is to begin: all but running forwards ends.
  std::stop_source closing;
  /// How running forwards are told to end too.
  io::drain_stops stops;
  /// Running forwards may take all the time they want once the client closes, until it is stopped.
  bool retired = false;
};

}  // namespace rathole::client
