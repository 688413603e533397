#pragma once

/// The one door to toml++. Its version 3.3 asserts things that a malformed file can break, such as
/// `1979-05-27Tx`, although the code behind these assertions reports the error in good order: so
/// they are off, unless the program includes toml++ before this header.
#if !defined(TOML_ASSERT) && !defined(NDEBUG)
#define TOML_ASSERT(expr) static_assert(true)
#endif

#include <toml++/toml.h>
