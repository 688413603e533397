# cmake -DBUILD=<build folder of the library> -DWORK=<empty folder> -DCXX=<compiler> -P run.cmake
# Installs the library below WORK, then builds and runs the consumer against what was installed.

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(run COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} ${run} OUTPUT_QUIET)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${prefix} ${run})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build ${run})
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/build --output-on-failure ${run})

file(GLOB_RECURSE description ${prefix}/*/rathole.pc)
if(NOT description)
  message(FATAL_ERROR "rathole.pc is not installed")
endif()
find_program(pkg_config pkg-config)
if(pkg_config)
  cmake_path(GET description PARENT_PATH folder)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder}
      ${pkg_config} --cflags rathole
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE ${run})
  separate_arguments(flags UNIX_COMMAND "${flags}")
  execute_process(COMMAND ${CXX} -std=c++23 ${flags} -fsyntax-only
    ${CMAKE_CURRENT_LIST_DIR}/core_only.cpp ${run})
endif()
