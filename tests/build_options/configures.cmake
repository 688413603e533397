# Included by the tests of build options.
#
#   in:  SOURCE (the project), WORK (an empty folder), CXX (the compiler)

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
