#pragma once

/// Holds what `RATHOLE_SEPARATE_COMPILATION` leaves out of the other headers. One unit of a program
/// that defines that macro to 1 in all its units includes this header:
///
///     #include <rathole/src.hpp>

#if !RATHOLE_SEPARATE_COMPILATION
#error "define RATHOLE_SEPARATE_COMPILATION=1 in every unit of the program, also in this one"
#endif

#include <rathole/embed/impl/client_operations.hpp>
#include <rathole/embed/impl/datagram_operations.hpp>
#include <rathole/embed/impl/diagnose_operations.hpp>
#include <rathole/embed/impl/server_operations.hpp>
#include <rathole/embed/impl/stream_operations.hpp>
