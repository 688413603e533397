# cmake -DSOURCE=<the project> -DWORK=<empty folder> -DCXX=<compiler> -P openssl.cmake
# Tests the option RATHOLE_WITH_OPENSSL: a missing library is no error unless it was required, and
# CMake reports the TLS engines.

# configures(<succeeds|fails> <words> <option>...): checks the outcome, and that the output contains
# the words.
function(configures outcome words)
  file(REMOVE_RECURSE ${WORK})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK} -G Ninja
    -DCMAKE_CXX_COMPILER=${CXX} -DRATHOLE_BUILD_TESTS=OFF -DRATHOLE_BUILD_EXAMPLES=OFF ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  set(ended succeeds)
  if(NOT status EQUAL 0)
    set(ended fails)
  endif()
  if(NOT ended STREQUAL outcome)
    message(FATAL_ERROR "${ARGN}: expected that it ${outcome}:\n${said}")
  endif()
  string(FIND "${said}" "${words}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${ARGN}: does not say \"${words}\":\n${said}")
  endif()
endfunction()

set(hidden -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON)
configures(succeeds "TLS by Botan alone; install libssl-dev" ${hidden})
configures(succeeds "TLS by Botan alone" -DRATHOLE_WITH_OPENSSL=OFF)
configures(fails "cannot build rathole::openssl (needs OpenSSL 3)" -DRATHOLE_WITH_OPENSSL=ON ${hidden})
configures(succeeds "TLS by OpenSSL (and by Botan")
