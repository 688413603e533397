// expect: AnyExecutor
#include <rathole/diagnose.hpp>

#include <asio/io_context.hpp>

#ifdef VALID
using executor = asio::io_context::executor_type;
#else
using executor = asio::io_context;
#endif

static_assert(rathole::embed::AnyExecutor<executor>);
