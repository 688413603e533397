#pragma once

namespace rathole {

/// Ignores every event; the default observer.
struct null_observer {};

/// Passes `event` to `observer` if the observer has an `on` overload for it. An observer handles
/// any subset of the events, and an event that it does not handle costs nothing. Events are views:
/// an observer that keeps one must copy what it needs.
template <class Observer, class Event>
void notify(Observer& observer, const Event& event) {
  if constexpr (requires { observer.on(event); }) observer.on(event);
}

}  // namespace rathole
