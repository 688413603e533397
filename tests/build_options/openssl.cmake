# cmake -DSOURCE=<the project> -DWORK=<empty folder> -DCXX=<compiler> -P openssl.cmake
# Tests the option RATHOLE_WITH_OPENSSL: a missing library is no error unless it was required, and
# CMake reports the TLS engines.

include(${CMAKE_CURRENT_LIST_DIR}/configures.cmake)

set(hidden -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON)
configures(succeeds "TLS by Botan alone; install libssl-dev" ${hidden})
configures(succeeds "TLS by Botan alone" -DRATHOLE_WITH_OPENSSL=OFF)
configures(fails "cannot build rathole::openssl (needs OpenSSL 3)" -DRATHOLE_WITH_OPENSSL=ON ${hidden})
configures(succeeds "TLS by OpenSSL (and by Botan")
