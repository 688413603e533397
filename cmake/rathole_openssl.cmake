# Decides whether the engine OpenSSL is built in, and says so.
#
#   in:  RATHOLE_WITH_TLS, RATHOLE_WITH_OPENSSL (ON, OFF or AUTO)
#   out: rathole_uses_openssl
#
# With ON a missing library is an error, which rathole_targets.cmake reports. With AUTO it is not:
# the transport tls then uses Botan only.

if(NOT RATHOLE_WITH_OPENSSL STREQUAL "AUTO")
  set(rathole_uses_openssl ${RATHOLE_WITH_OPENSSL})
else()
  # The names of these variables are those that rathole_targets.cmake looks for.
  find_path(rathole_folder_of_openssl_ssl_h openssl/ssl.h)
  find_library(rathole_library_ssl ssl)
  find_library(rathole_library_crypto crypto)
  mark_as_advanced(rathole_folder_of_openssl_ssl_h rathole_library_ssl rathole_library_crypto)
  set(rathole_uses_openssl OFF)
  if(rathole_folder_of_openssl_ssl_h AND rathole_library_ssl AND rathole_library_crypto)
    set(rathole_uses_openssl ON)
  endif()
endif()

if(RATHOLE_WITH_TLS)
  if(rathole_uses_openssl)
    message(STATUS "rathole: TLS by OpenSSL (and by Botan, with `engine = \"botan\"`)")
  else()
    message(STATUS "rathole: TLS by Botan alone; install libssl-dev for OpenSSL, which Debian 12 "
      "needs to pass on the end of one direction at once")
  endif()
endif()
