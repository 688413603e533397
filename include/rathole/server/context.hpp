#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/event_sink.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/task_group.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/protocol/registry.hpp>
#include <rathole/server/admission_control.hpp>
#include <rathole/server/client_doors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/refusal_reporter.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/socket_options.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server {

template <class Context>
class control_session;

/// What all parts of one server share. Coroutines hold it by `shared_ptr`, so it lives as long as
/// the last of them.
template <transport::Transport T, class Observer, protocol::Codec C>
struct context {
  using transport_type = T;
  using runtime_type = typename T::runtime_type;
  using stream_type = typename T::stream;
  using visitor_type = typename runtime_type::stream;
  using codec_type = C;
  /// Sessions belong to the coroutines that run them, which keep the context: were they the
  /// registry's, neither would ever end.
  using registry_type = protocol::map_registry<std::shared_ptr<const config::server_service>,
                                               std::weak_ptr<control_session<context>>>;
  using admission_type = admission_control<runtime_type>;
  using door_type = client_door<typename runtime_type::acceptor>;
  using door_pointer = std::shared_ptr<door_type>;

  context(T carrier, config::server server_settings, Observer& sink)
      : transport(std::move(carrier)),
        settings(
            std::make_shared<const config::server>(config::bounded(std::move(server_settings)))),
        observer(sink),
        descriptors(transport.runtime().descriptor_limit()),
        group(transport.runtime().get_executor()),
        admission(std::make_shared<admission_type>(transport.runtime(), admission_limits(),
                                                   settings->handshake_timeout)),
        refusals(transport.runtime(),
                 [this](const refusal_summary& summary) { tell(connections_refused{summary}); }) {
    transport.set_options(transport::to_socket_options(settings->transport.tcp));
  }

  runtime_type& runtime() { return transport.runtime(); }

  /// Why `of` cannot be the server's settings; no error if they can.
  [[nodiscard]] std::error_code refusal_of(const config::server& of) const {
    if (!config::settings_problems(of).empty()) return errc::invalid_settings;
    const config::transport& wanted = of.transport;
    if (transport.serves(wanted.kind, wanted.tcp, config::side::server)) return {};
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
  /// Replaced on the control plane; what runs elsewhere has a pointer of its own.
  std::shared_ptr<const config::server> settings;
  Observer& observer;
  client_doors<typename runtime_type::acceptor> doors;
  /// What another server hands over; taken when this one begins to listen.
  client_doors<typename runtime_type::acceptor> inherited;
  registry_type registry;
  /// What the server's descriptors are used for; `server/descriptors.hpp` divides them.
  protocol::descriptor_budget descriptors;
  /// When the limit of descriptors is to be asked for again.
  time_point limit_due{};
  /// Every coroutine of the server.
  io::task_group group;
  /// The connections that are neither control nor data channels yet.
  const std::shared_ptr<admission_type> admission;
  refusal_reporter<runtime_type> refusals;
  /// Requested when no new work is to begin: all but running forwards ends.
  std::stop_source closing;
  /// How running forwards are told to end too.
  io::drain_stops stops;
  /// Running forwards may take all the time they want once the server closes, until it is stopped.
  bool retired = false;
  /// Numbers the forwards.
  std::uint64_t next_forward = 1;

  // Two layers that do not see each other name the same defaults.
  static_assert(config::defaults::max_handshakes == protocol::default_max_handshakes &&
                config::defaults::max_handshakes_per_address ==
                    protocol::default_max_handshakes_per_source);

  /// The bounds of `admission`: those of the settings, as far as there are descriptors.
  [[nodiscard]] protocol::admission_limits admission_limits() const {
    protocol::admission_limits out;
    out.total = std::min(settings->max_handshakes, descriptors.most_handshakes());
    out.per_source = settings->max_handshakes_per_address;
    return out;
  }
};

}  // namespace rathole::server
