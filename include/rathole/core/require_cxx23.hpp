#pragma once

// Every header of the library includes this one first, so that a compiler that is too old says so.
#if __cplusplus < 202100L
#error "rathole needs C++23: compile with -std=c++23 (g++ 12, clang 16 or later)"
#endif
