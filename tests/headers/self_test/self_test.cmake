# cmake -DBUILD=<empty folder> -DCXX=<compiler> -P self_test.cmake
# Plants faulty headers and expects the header tests to fail at them, for the reason that is given.

function(build name text outcome reason)
  set(folder ${BUILD}/${name})
  file(REMOVE_RECURSE ${folder})
  file(WRITE ${folder}/include/planted/text.hpp "#pragma once\n${text}\n")
  file(WRITE ${folder}/include/planted/user.hpp "#pragma once\n#include <planted/text.hpp>\n")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${folder}/build -G Ninja
      -DCMAKE_CXX_COMPILER=${CXX} -DFOLDER=${folder}/include
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${folder}/build
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(outcome STREQUAL "passes" AND NOT status EQUAL 0)
    message(SEND_ERROR "${name}: wrongly refused\n${output}")
  elseif(outcome STREQUAL "fails" AND (status EQUAL 0 OR NOT output MATCHES "${reason}"))
    message(SEND_ERROR "${name}: not caught as `${reason}`\n${output}")
  endif()
endfunction()

build(sound "#include <string>\ninline std::string f() { return {}; }" passes "")
build(not_alone "inline std::string f() { return {}; }" fails "std::string|'string' in namespace")
build(not_inline "int f() { return 1; }" fails "multiple definition")
