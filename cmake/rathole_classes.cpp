// The one unit that holds the library where the others only see its declarations.

#include <rathole/src.hpp>
