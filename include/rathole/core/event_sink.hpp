#pragma once

namespace rathole {

/// Takes no notice of any event; the default observer.
struct null_observer {};

/// Tells `observer` of `event` if it has an `on` for it. An observer handles any subset of the
/// events; what it does not handle costs nothing. Events are views: an observer that keeps one
/// copies what it needs.
template <class Observer, class Event>
void notify(Observer& observer, const Event& event) {
  if constexpr (requires { observer.on(event); }) observer.on(event);
}

}  // namespace rathole
