# cmake -DSOURCE=<the project> -DWORK=<empty folder> -DCXX=<compiler> -P presets.cmake
# Tests that the presets for the program compile one unit, and not also the examples, and that
# `minimal` leaves the admin API out.

foreach(preset IN ITEMS release minimal)
  file(REMOVE_RECURSE ${WORK})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK} --preset ${preset}
    -DCMAKE_CXX_COMPILER=${CXX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  # Lists the commands of the target `all`, and runs none.
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK} -- -t commands all
    OUTPUT_VARIABLE steps COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL " -c [^ ]+\\.cpp" units "${steps}")
  list(TRANSFORM units REPLACE ".*/" "")
  if(NOT units STREQUAL "rathole.cpp")
    message(FATAL_ERROR "${preset}: compiles \"${units}\" instead of rathole.cpp:\n${steps}")
  endif()
  set(api OFF)
  if(steps MATCHES "-DRATHOLE_WITH_ADMIN=1")
    set(api ON)
  endif()
  set(api_of_release ON)
  set(api_of_minimal OFF)
  if(NOT api STREQUAL api_of_${preset})
    message(FATAL_ERROR "${preset}: the admin API is ${api}:\n${steps}")
  endif()
endforeach()
