#pragma once

#include <rathole/client/events.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/server/events.hpp>
#include <rathole/version.hpp>

namespace rathole::embed::inline RATHOLE_ABI {

/// Receives events of the types `Events`, and ignores them unless a derived class does otherwise.
template <class... Events>
class event_sink;

/// Receives events of one type.
template <class Event>
class event_sink<Event> {
 public:
  event_sink() = default;
  event_sink(const event_sink&) = delete;
  event_sink& operator=(const event_sink&) = delete;
  /// Destroys the sink.
  virtual ~event_sink() = default;
  /// Receives an event.
  virtual void on(const Event&) {}
};

/// Receives events of several types.
template <class Event, class... Others>
class event_sink<Event, Others...> : public event_sink<Others...> {
 public:
  using event_sink<Others...>::on;
  /// Receives an event.
  virtual void on(const Event&) {}
};

namespace detail {

/// Passes the events of the types `Events` of a `Sink` to an `Observer`.
template <class Sink, class Observer, class... Events>
class passing_sink;

/// Holds the observer.
template <class Sink, class Observer>
class passing_sink<Sink, Observer> : public Sink {
 public:
  /// Passes events to `observer`, which must outlive the sink.
  explicit passing_sink(Observer& observer) : observer_(observer) {}

 protected:
  /// The observer.
  Observer& observer_;
};

/// Passes events of one type on, and of the others.
template <class Sink, class Observer, class Event, class... Others>
class passing_sink<Sink, Observer, Event, Others...>
    : public passing_sink<Sink, Observer, Others...> {
 public:
  using passing_sink<Sink, Observer, Others...>::passing_sink;
  using passing_sink<Sink, Observer, Others...>::on;
  /// Passes an event on.
  void on(const Event& event) override { notify(this->observer_, event); }
};

/// Returns a function's worth of types: the sinks for a list of events.
template <class Observer, class... Events>
struct sinks_of {
  /// The sink that everybody sees.
  using sink = event_sink<Events...>;
  /// The sink that passes events to an `Observer`.
  using passing = passing_sink<sink, Observer, Events...>;
};

/// The events of a client.
template <class Observer>
using client_sinks =
    sinks_of<Observer, client_side::control_channel_starting,
             client_side::control_channel_established, client_side::control_channel_failed,
             client_side::control_channel_closed, client_side::data_channel_failed,
             client_side::local_connect_failed, client_side::forward_started,
             client_side::forward_ended, client_side::datagrams_lost, client_side::service_loops>;

/// The events of a server.
template <class Observer>
using server_sinks =
    sinks_of<Observer, server_side::listening, server_side::ready, server_side::service_listening,
             server_side::address_left_out, server_side::service_bind_failed,
             server_side::listener_lost, server_side::accept_failed, server_side::handshake_failed,
             server_side::unknown_service, server_side::authentication_failed,
             server_side::connections_refused, server_side::control_channel_established,
             server_side::control_channel_replaced, server_side::control_channel_closed,
             server_side::udp_channel_lost, server_side::visitor_refused,
             server_side::service_loops, server_side::forward_started, server_side::forward_ended,
             server_side::datagrams_lost>;

}  // namespace detail

/// Receives the events of a client.
using client_sink = detail::client_sinks<null_observer>::sink;
/// Passes the events of a client to an `Observer`.
template <class Observer>
using passing_client_sink = typename detail::client_sinks<Observer>::passing;

/// Receives the events of a server.
using server_sink = detail::server_sinks<null_observer>::sink;
/// Passes the events of a server to an `Observer`.
template <class Observer>
using passing_server_sink = typename detail::server_sinks<Observer>::passing;

}  // namespace rathole::embed::inline RATHOLE_ABI
