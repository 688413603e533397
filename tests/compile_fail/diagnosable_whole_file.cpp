// expect: Diagnosable
#include <rathole/diagnose.hpp>

#ifdef VALID
using settings = rathole::config::client;
#else
using settings = rathole::config::config;
#endif

static_assert(rathole::embed::Diagnosable<settings>);
