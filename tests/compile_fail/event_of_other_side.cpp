// expect: T = rathole::server_side::ready|is_among<rathole::server_side::ready
#include <rathole/client/events.hpp>
#include <rathole/core/event_list.hpp>
#include <rathole/server/events.hpp>

#ifdef VALID
using event = rathole::client_side::forward_ended;
#else
using event = rathole::server_side::ready;
#endif

static_assert(rathole::OneOf<event, rathole::client_side::all_events>);
