# Runs the port of vcpkg with stand-ins for vcpkg's functions, which do what its documentation says of
# them as far as the port needs it, and builds a program with the package. The dependencies are taken
# from this system.
#
#   cmake -DCXX=<compiler> -DSOURCE=<root> -DWORK=<folder> -P vcpkg.cmake

cmake_minimum_required(VERSION 3.25)
set(run COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
set(PORT rathole)
set(CURRENT_PORT_DIR ${SOURCE}/packaging/vcpkg/rathole)

function(vcpkg_check_features)
  cmake_parse_arguments(arg "" "OUT_FEATURE_OPTIONS" "FEATURES" ${ARGN})
  set(options "")
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature variable)
    set(value OFF)
    if(feature IN_LIST FEATURES)
      set(value ON)
    endif()
    list(APPEND options -D${variable}=${value})
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS OR NOT VCPKG_BUILD_TYPE STREQUAL "release")
    message(FATAL_ERROR "not configured as a header-only library: ${ARGN}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${WORK}/build -G Ninja
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib
    -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS} ${run} OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build --target install ${run} OUTPUT_QUIET)
endfunction()

# Moves the CMake package to share/rathole, two folders below the prefix.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(arg "" "CONFIG_PATH" "" ${ARGN})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*.cmake)
  if(NOT files)
    message(FATAL_ERROR "there is no package in ${arg_CONFIG_PATH}")
  endif()
  set(up "\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)")
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
    string(REPLACE "\"\${CMAKE_CURRENT_LIST_DIR}/../../../\"" "\"\${CMAKE_CURRENT_LIST_DIR}/../../\""
      text "${text}")
    cmake_path(GET file FILENAME name)
    file(WRITE ${CURRENT_PACKAGES_DIR}/share/${PORT}/${name} "${text}")
  endforeach()
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/lib/cmake)
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/lib/pkgconfig/rathole.pc)
    message(FATAL_ERROR "there is no rathole.pc")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

# package(<name> <feature>...): the package with these features is in ${WORK}/<name>, and has the
# components that are given in the variable `components`.
function(package name)
  set(FEATURES core ${ARGN})
  set(CURRENT_PACKAGES_DIR ${WORK}/${name})
  file(REMOVE_RECURSE ${WORK}/build ${CURRENT_PACKAGES_DIR})
  include(${CURRENT_PORT_DIR}/portfile.cmake)
  file(GLOB_RECURSE files RELATIVE ${CURRENT_PACKAGES_DIR} ${CURRENT_PACKAGES_DIR}/*)
  set(found "")
  foreach(file IN LISTS files)
    if(file MATCHES "^share/rathole/rathole_([a-z]+)\\.cmake$")
      list(APPEND found ${CMAKE_MATCH_1})
    elseif(NOT file MATCHES "^include/rathole/.*\\.hpp$" AND NOT file MATCHES
           "^(lib/pkgconfig/rathole\\.pc|share/rathole/(copyright|ratholeConfig(Version)?\\.cmake))$")
      message(FATAL_ERROR "the package has ${file}")
    endif()
  endforeach()
  list(REMOVE_ITEM found dependencies rathole)
  list(SORT found)
  if(NOT found STREQUAL components)
    message(FATAL_ERROR "with the features ${ARGN} the package has ${found} instead of ${components}")
  endif()
endfunction()

set(components asio core sim)
package(nothing)
set(components asio botan core openssl sim tls)
package(openssl openssl tls)
set(components asio botan config core noise openssl sim tls websocket)
package(everything config noise openssl tls websocket)

include(${SOURCE}/cmake/rathole_version.cmake)
rathole_read_version(${SOURCE}/include/rathole/version.hpp version)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/install -B ${WORK}/consumer -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${WORK}/everything -DVERSION=${version} ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/consumer --target core_only ${run})
execute_process(COMMAND ${WORK}/consumer/core_only ${run})
