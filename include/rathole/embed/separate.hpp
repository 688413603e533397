#pragma once

/// `RATHOLE_SEPARATE_COMPILATION` may be defined to 1 in all units of a program: they then see
/// declarations, and one of them includes `rathole/src.hpp`, which holds the definitions.
/// `RATHOLE_DECL` stands before functions that are compiled separately then.
#if RATHOLE_SEPARATE_COMPILATION
#define RATHOLE_DECL
#else
#define RATHOLE_DECL inline
#endif
