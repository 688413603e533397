#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <string_view>

/// The version of the library and of its program (Semantic Versioning). This is the one place where
/// it is written: CMake and the recipes of package managers read it here.
#define RATHOLE_VERSION_MAJOR 0
/// The minor version; see `RATHOLE_VERSION_MAJOR`.
#define RATHOLE_VERSION_MINOR 1
/// The patch version; see `RATHOLE_VERSION_MAJOR`.
#define RATHOLE_VERSION_PATCH 0

// The words that RATHOLE_ABI has for the parts that are built in. A macro RATHOLE_WITH_... must have
// the same value for all headers of a unit, so it belongs on the compiler's command line.
#if RATHOLE_WITH_NOISE
#define RATHOLE_ABI_NOISE _noise
#else
#define RATHOLE_ABI_NOISE
#endif
#if RATHOLE_WITH_TLS
#define RATHOLE_ABI_TLS _tls
#else
#define RATHOLE_ABI_TLS
#endif
#if RATHOLE_WITH_OPENSSL
#define RATHOLE_ABI_OPENSSL _openssl
#else
#define RATHOLE_ABI_OPENSSL
#endif
#if RATHOLE_WITH_WEBSOCKET
#define RATHOLE_ABI_WEBSOCKET _websocket
#else
#define RATHOLE_ABI_WEBSOCKET
#endif

#define RATHOLE_ABI_PASTE(major, minor, patch, noise, tls, openssl, websocket) \
  v##major##_##minor##_##patch##noise##tls##openssl##websocket
// The arguments are expanded before they are pasted.
#define RATHOLE_ABI_NAME(...) RATHOLE_ABI_PASTE(__VA_ARGS__)

/// The name of the inline namespace that holds the public classes, and everything whose code or
/// layout depends on which parts are built in: the version and these parts, for example
/// `v0_1_0_noise_tls_openssl_websocket`. Units of one program that were compiled with other parts or
/// another version can therefore not pass such an object to each other: they do not link, and the
/// linker's message has the name of the parts.
#define RATHOLE_ABI                                                                     \
  RATHOLE_ABI_NAME(RATHOLE_VERSION_MAJOR, RATHOLE_VERSION_MINOR, RATHOLE_VERSION_PATCH, \
                   RATHOLE_ABI_NOISE, RATHOLE_ABI_TLS, RATHOLE_ABI_OPENSSL, RATHOLE_ABI_WEBSOCKET)

#define RATHOLE_VERSION_QUOTE(major, minor, patch) #major "." #minor "." #patch
#define RATHOLE_VERSION_TEXT(...) RATHOLE_VERSION_QUOTE(__VA_ARGS__)

namespace rathole::inline RATHOLE_ABI {

/// The version as text, for example `0.1.0`.
inline constexpr std::string_view version =
    RATHOLE_VERSION_TEXT(RATHOLE_VERSION_MAJOR, RATHOLE_VERSION_MINOR, RATHOLE_VERSION_PATCH);

}  // namespace rathole::inline RATHOLE_ABI
