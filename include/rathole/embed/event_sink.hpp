#pragma once

#include <rathole/client/events.hpp>
#include <rathole/core/event_list.hpp>
#include <rathole/server/events.hpp>
#include <rathole/version.hpp>

#include <mutex>

namespace rathole::embed::inline RATHOLE_ABI {

/// Receives events of the types `Events`, and ignores them unless a derived class does otherwise.
template <class... Events>
class event_sink;

/// Receives events of one type.
template <class Event>
class event_sink<Event> {
 public:
  /// Makes a sink.
  event_sink() = default;
  event_sink(const event_sink&) = delete;
  event_sink& operator=(const event_sink&) = delete;
  /// Destroys the sink.
  virtual ~event_sink() = default;
  /// Receives an event.
  virtual void on(const Event&) {}
  /// Passes no event on from now on. May be called by any thread, also by an observer in an event;
  /// waits for a call of the observer on another thread.
  virtual void drop_observer() {}
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
  /// Passes events to `observer`, which must exist until it is dropped.
  explicit passing_sink(Observer& observer) : observer_(&observer) {}

  void drop_observer() override {
    const std::lock_guard lock(mutex_);
    observer_ = nullptr;
  }

 protected:
  /// Passes `event` to the observer, if it handles it and has not been dropped.
  template <class Event>
  void pass(const Event& event) {
    if constexpr (requires { observer_->on(event); }) {
      const std::lock_guard lock(mutex_);
      if (observer_) observer_->on(event);
    }
  }

 private:
  // The observer may destroy the end that reports to it.
  std::recursive_mutex mutex_;
  Observer* observer_;
};

/// Passes events of one type on, and of the others.
template <class Sink, class Observer, class Event, class... Others>
class passing_sink<Sink, Observer, Event, Others...>
    : public passing_sink<Sink, Observer, Others...> {
 public:
  using passing_sink<Sink, Observer, Others...>::passing_sink;
  using passing_sink<Sink, Observer, Others...>::on;
  /// Passes an event on.
  void on(const Event& event) override { this->pass(event); }
};

/// The sinks for the events of a list.
template <class... Events>
struct sinks_of {
  /// The sink that everybody sees.
  using sink = event_sink<Events...>;
  /// The sink that passes events to an `Observer`.
  template <class Observer>
  using passing = passing_sink<sink, Observer, Events...>;
};

/// Returns the sinks for a list; for `decltype` alone.
template <class... Events>
sinks_of<Events...> sinks_for(const event_list<Events...>&);

/// The sinks for the events of a client.
using client_sinks = decltype(sinks_for(client_side::all_events()));
/// The sinks for the events of a server.
using server_sinks = decltype(sinks_for(server_side::all_events()));

}  // namespace detail

/// Receives the events of a client.
using client_sink = detail::client_sinks::sink;
/// Passes the events of a client to an `Observer`.
template <class Observer>
using passing_client_sink = detail::client_sinks::passing<Observer>;

/// Receives the events of a server.
using server_sink = detail::server_sinks::sink;
/// Passes the events of a server to an `Observer`.
template <class Observer>
using passing_server_sink = detail::server_sinks::passing<Observer>;

}  // namespace rathole::embed::inline RATHOLE_ABI
