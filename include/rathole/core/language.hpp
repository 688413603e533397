#pragma once

// The first of the library that a compiler reads, whatever header is included.
#if __cplusplus < 202100L
#error "rathole needs C++23: compile with -std=c++23 (g++ 12, clang 16 or later)"
#endif
