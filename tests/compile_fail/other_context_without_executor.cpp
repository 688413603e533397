// expect: get_executor
#include <rathole/embed/other_context.hpp>

struct program_context : asio::execution_context {
#ifdef VALID
  asio::any_io_executor get_executor();
#endif
};

static_assert(rathole::embed::OtherContext<program_context>);
