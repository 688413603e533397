#pragma once

#include <type_traits>

namespace rathole {

/// A list of the types of events that one side of a tunnel reports. A type that derives from it gives
/// the list a short name in the messages of compilers.
template <class... Events>
struct event_list {
  /// The list itself, also seen from a type that derives from it.
  using list = event_list;
};

namespace detail {

/// Whether `T` is in the list `List`.
template <class T, class List>
inline constexpr bool is_among = false;
/// Whether `T` is one of the types `Events`.
template <class T, class... Events>
inline constexpr bool is_among<T, event_list<Events...>> = (std::is_same_v<T, Events> || ...);

}  // namespace detail

/// Whether `T` is in the list `Events`, an `event_list` or a type that derives from one.
template <class T, class Events>
concept OneOf = detail::is_among<T, typename Events::list>;

/// Whether `T` is an event of either side. A header of events makes it true for each type of its
/// list.
template <class T>
inline constexpr bool is_event = false;

}  // namespace rathole
