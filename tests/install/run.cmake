# cmake -DBUILD=<build folder of the library> -DWORK=<empty folder> -DCXX=<compiler>
#   -DASIO=<folder of Asio's headers> -P run.cmake
# Installs the library below WORK, then builds and runs a consumer of the installed library, and a
# project that includes the sources on a machine that has only Asio.

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(run COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} ${run} OUTPUT_QUIET)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/rathole_version.cmake)
rathole_read_version(${prefix}/include/rathole/version.hpp version)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${prefix} -DVERSION=${version} ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build ${run})
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/build --output-on-failure ${run})

# The folder of the build is a package, too.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/from_build -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX} -Drathole_DIR=${BUILD}/cmake -DVERSION=${version} ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/from_build --target core_only ${run})
execute_process(COMMAND ${WORK}/from_build/core_only ${run})

# Nothing in the package names folders of the machine that built it.
file(GLOB_RECURSE package ${prefix}/*/cmake/rathole/*.cmake)
foreach(name IN LISTS package)
  file(STRINGS ${name} paths REGEX "${BUILD}|${prefix}|/usr/|/lib/")
  if(paths)
    message(FATAL_ERROR "${name} names folders of this machine: ${paths}")
  endif()
endforeach()
if(NOT package MATCHES "/rathole_core.cmake")
  message(FATAL_ERROR "the targets are not exported: ${package}")
endif()

file(GLOB_RECURSE description ${prefix}/*/rathole.pc)
if(NOT description)
  message(FATAL_ERROR "rathole.pc is not installed")
endif()
find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
cmake_path(GET description PARENT_PATH folder)
# builds(<name> <flag>...): builds the programs with these flags and runs them. They are all that the
# compiler needs: they say which C++ it is, too. Clang needs two more, as the description says.
set(for_clang "")
execute_process(COMMAND ${CXX} --version OUTPUT_VARIABLE compiler ${run})
if(compiler MATCHES "clang")
  set(for_clang -DASIO_HAS_CO_AWAIT -DASIO_HAS_STD_COROUTINE)
endif()
function(builds name)
  foreach(program IN ITEMS core_only umbrella)
    execute_process(COMMAND ${CXX} ${CMAKE_CURRENT_LIST_DIR}/${program}.cpp ${ARGN} ${for_clang}
      -o ${WORK}/${name}_${program} ${run})
    execute_process(COMMAND ${WORK}/${name}_${program} ${run})
  endforeach()
endfunction()
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder} ${pkg_config} --cflags --libs rathole
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE ${run})
separate_arguments(flags UNIX_COMMAND "${flags}")
builds(pkg_config ${flags})
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder} ${pkg_config} --modversion rathole
  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ${run})
if(NOT described STREQUAL version)
  message(FATAL_ERROR "rathole.pc has version ${described} instead of ${version}")
endif()

# Without a package: the include path and the flags of docs/embedding.md. Code for nearly the same
# flags was generated above.
execute_process(COMMAND ${CXX} ${CMAKE_CURRENT_LIST_DIR}/umbrella.cpp -std=c++23 -DASIO_STANDALONE
  -pthread -I${CMAKE_CURRENT_LIST_DIR}/../../include ${for_clang} -fsyntax-only ${run})

foreach(name IN ITEMS share/doc/rathole/LICENSE include/rathole/rathole.hpp)
  if(NOT EXISTS ${prefix}/${name})
    message(FATAL_ERROR "${name} is not installed")
  endif()
endforeach()

# The program and what starts it, if this build has the program.
if(EXISTS ${BUILD}/rathole)
  execute_process(COMMAND ${prefix}/bin/rathole --version ${run})
  foreach(name IN ITEMS man/man1/rathole.1 bash-completion/completions/rathole
      zsh/site-functions/_rathole fish/vendor_completions.d/rathole.fish)
    file(STRINGS ${prefix}/share/${name} said REGEX "genkey")
    if(NOT said)
      message(FATAL_ERROR "${name} does not describe the program that is installed")
    endif()
  endforeach()
  file(GLOB units ${CMAKE_CURRENT_LIST_DIR}/../../examples/configs/systemd/*.service)
  foreach(unit IN LISTS units)
    cmake_path(GET unit FILENAME name)
    file(STRINGS ${prefix}/lib/systemd/system/${name} start REGEX "^ExecStart=")
    if(NOT start MATCHES "^ExecStart=${prefix}/bin/rathole ")
      message(FATAL_ERROR "${name} does not start the program that is installed: ${start}")
    endif()
  endforeach()
endif()

# A compiler in an older language mode reports that first.
foreach(header IN ITEMS rathole client/client server/server io/asio_runtime transport/tcp
        transport/tls transport/noise transport/websocket transport/prepare protocol/bincode
        config/types config/load sim/world version)
  file(WRITE ${WORK}/older.cpp "#include <rathole/${header}.hpp>\n")
  execute_process(COMMAND ${CXX} -std=c++20 -DASIO_STANDALONE -I${prefix}/include -fsyntax-only
    ${WORK}/older.cpp RESULT_VARIABLE status ERROR_VARIABLE said)
  string(REGEX MATCH "error: [^\n]*" first "${said}")
  if(status EQUAL 0 OR NOT first MATCHES "rathole needs C\\+\\+23")
    message(FATAL_ERROR "${header}.hpp in C++20: ${first}")
  endif()
endforeach()

# As a part of another project, with only Asio installed.
set(machine ${WORK}/machine)
file(MAKE_DIRECTORY ${machine}/include)
file(CREATE_LINK ${ASIO}/asio ${machine}/include/asio SYMBOLIC)
file(CREATE_LINK ${ASIO}/asio.hpp ${machine}/include/asio.hpp SYMBOLIC)
foreach(means IN ITEMS add_subdirectory FetchContent find_package)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer
    -B ${WORK}/${means} -G Ninja -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${machine}
    -DMEANS=${means} OUTPUT_VARIABLE configured ${run})
  string(REGEX MATCHALL "rathole: switched off: [^\n]*" said "${configured}")
  list(LENGTH said lines)
  if(NOT lines EQUAL 1 OR NOT said MATCHES "rathole::config \\(needs toml")
    message(FATAL_ERROR "it does not say in one line what is switched off:\n${configured}")
  endif()
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/FetchContent ${run})
execute_process(COMMAND ${WORK}/FetchContent/umbrella ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/FetchContent --prefix ${WORK}/nothing ${run})
file(GLOB_RECURSE installed ${WORK}/nothing/*)
if(installed)
  message(FATAL_ERROR "as a part of another project it installs files: ${installed}")
endif()

# With nothing installed at all, the component core is still available.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer
  -B ${WORK}/core -G Ninja -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${WORK}/nothing
  -DMEANS=add_subdirectory -DCORE_ONLY=ON ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/core ${run})
execute_process(COMMAND ${WORK}/core/core_only ${run})
