#pragma once

#include <rathole/core/event_list.hpp>
#include <rathole/core/observer.hpp>

#include <type_traits>
#include <utility>

namespace rathole {

namespace detail {

/// Whether `on` can be called with `Argument`.
template <class Observer, class Argument>
concept handles = requires(Observer& observer, Argument&& argument) {
  observer.on(std::forward<Argument>(argument));
};

/// Whether `on` takes an event of the list `List`.
template <class Observer, class List>
inline constexpr bool handles_one_in = false;
/// Whether `on` takes one of the types `Events`.
template <class Observer, class... Events>
inline constexpr bool handles_one_in<Observer, event_list<Events...>> =
    (handles<Observer, const Events&> || ...);
/// Whether `on` takes an event of `Events`.
template <class Observer, class Events>
inline constexpr bool handles_one_of = handles_one_in<Observer, typename Events::list>;

/// Whether an event of the list `List` converts to `Parameter`.
template <class Parameter, class List>
inline constexpr bool takes_one_in = false;
/// Whether one of the types `Events` converts to `Parameter`.
template <class Parameter, class... Events>
inline constexpr bool takes_one_in<Parameter, event_list<Events...>> =
    (std::is_convertible_v<const Events&, Parameter> || ...);
/// Whether a function with the parameter `Parameter` takes an event, also one of the other side.
template <class Parameter, class Events>
inline constexpr bool takes_event =
    is_event<Parameter> || takes_one_in<Parameter, typename Events::list>;

/// Refuses the type `Parameter` as a parameter of `on` if no event can be passed as one.
template <class Parameter, class Events>
struct parameter_of_on {
  /// Has no other value, because the assertion fails then.
  static constexpr bool is_valid = true;
  static_assert(takes_event<Parameter, Events>,
                "an overload of the observer's `on` takes a type that is no event, so it would "
                "never be called. Is the event misspelt? rathole/client/events.hpp and "
                "rathole/server/events.hpp have all events; `on` takes them as `const Event&`");
};

/// Converts to the type of any parameter. If `on` is called with it, the compiler looks at each
/// overload, and checks the constraint with the type of its parameter.
template <class Events>
struct any_parameter {
  /// Converts to an lvalue, or to a value.
  template <class T>
    requires parameter_of_on<std::remove_cv_t<T>, Events>::is_valid
  operator T&() const;
  /// Converts to an rvalue.
  template <class T>
    requires parameter_of_on<std::remove_cv_t<T>, Events>::is_valid
  operator T&&() const;
};

/// Adds an overload to an observer's `on` that a call with `any_parameter` selects, so that no
/// template of the observer is instantiated for it. Does not compile if `on` is private.
template <class Observer, class Events>
struct with_selected_overload : Observer {
  using Observer::on;
  /// The overload that is selected.
  void on(const any_parameter<Events>&);
};

/// Whether `with_selected_overload` can be used: `on` is a function, and the class is not final.
template <class Observer>
inline constexpr bool is_extensible =
    std::is_class_v<Observer> && !std::is_final_v<Observer> &&
    !requires { requires std::is_member_object_pointer_v<decltype(&Observer::on)>; };

/// Whether `on` takes `Event` as it is passed, or not at all.
template <class Observer, class Event>
inline constexpr bool takes_const =
    handles<Observer, const Event&> || !(handles<Observer, Event&> || handles<Observer, Event>);

/// Checks one event; see `check_observer`.
template <class Observer, class Event>
consteval bool check_event() {
  static_assert(takes_const<Observer, Event>,
                "an overload of the observer's `on` takes an event by a reference that is not "
                "const, so it would never be called; `on` takes an event as `const Event&`");
  return true;
}
/// Checks each of `Events`; see `check_observer`.
template <class Observer, class... Events>
consteval void check_events(event_list<Events...>) {
  (static_cast<void>(check_event<Observer, Events>()), ...);
}

}  // namespace detail

/// Does not compile if a handler of the class `Observer` would never be called: if an overload of
/// its member function `on` takes a type that is no event, or an event by a reference that is not
/// const, or if none takes an event of `Events`, which is `client_side::all_events` or
/// `server_side::all_events`. An observer may also handle events of the other side. Valid are
/// `null_observer`, a template `on` for events of any type, and a handler that takes an event by
/// value or as something that it converts to.
///
/// Not found are an overload with several parameters, and one that is private in a final class.
template <class Observer, class Events>
consteval void check_observer() {
  if constexpr (!std::is_same_v<Observer, null_observer>) {
    detail::check_events<Observer>(typename Events::list());
    static_assert(detail::handles_one_of<Observer, Events>,
                  "the observer has no `on` for any event that is reported to it. `on` must be "
                  "public and take an event as `const Event&`; use `rathole::null_observer` to "
                  "ignore all events");
    // The results do not matter: that the compiler looks at the overloads is the check.
    if constexpr (!detail::handles_one_of<Observer, Events>) {
      return;
    } else if constexpr (detail::is_extensible<Observer>) {
      using extended = detail::with_selected_overload<Observer, Events>;
      static_cast<void>(detail::handles<extended, detail::any_parameter<Events>>);
    } else {
      static_cast<void>(detail::handles<Observer, detail::any_parameter<Events>>);
    }
  }
}

}  // namespace rathole
