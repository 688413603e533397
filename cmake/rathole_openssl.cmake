# Decides whether the engine OpenSSL is built in.
#
#   in:  RATHOLE_WITH_TLS, RATHOLE_WITH_OPENSSL (ON, OFF or AUTO)
#   out: rathole_uses_openssl
#
# With ON a missing library is an error, which rathole_dependencies.cmake reports. With AUTO it is not:
# the transports tls and noise then use Botan only.

set(rathole_uses_openssl OFF)
if(RATHOLE_WITH_TLS AND RATHOLE_WITH_OPENSSL STREQUAL "AUTO")
  find_package(OpenSSL 3.0 QUIET)
  set(rathole_uses_openssl ${OpenSSL_FOUND})
elseif(RATHOLE_WITH_TLS)
  set(rathole_uses_openssl ${RATHOLE_WITH_OPENSSL})
endif()
