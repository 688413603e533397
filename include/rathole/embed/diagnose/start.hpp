#pragma once

#include <rathole/config/types.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>

namespace rathole::embed::inline RATHOLE_ABI {

/// Starts the diagnosis of a client in `context`, and calls `done` there when it has ended. A
/// cancellation by `cancel`, which may be null, ends it with `asio::error::operation_aborted`. Must
/// be called by the one thread that runs the context. Throws `std::bad_alloc` if it cannot be
/// started.
RATHOLE_DECL void start_diagnosis(asio::io_context& context, config::client settings,
                                  diagnose_options options, const cancellation_pointer& cancel,
                                  completion<diagnosis> done);

/// Starts the diagnosis of a server like that of a client.
RATHOLE_DECL void start_diagnosis(asio::io_context& context, config::server settings,
                                  diagnose_options options, const cancellation_pointer& cancel,
                                  completion<diagnosis> done);

}  // namespace rathole::embed::inline RATHOLE_ABI
