# add_header_tests(<target> <include folder> <library>...): an executable of one unit per header,
# which includes only that header, and one unit that includes them all. It compiles if every header
# is self-contained and all can be combined; it links if every header may be included in two units.
function(add_header_tests target folder)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*.hpp)
  # It needs a macro, and holds what the other headers hold; the test `separate` compiles it.
  list(REMOVE_ITEM headers rathole/src.hpp)
  if(NOT headers)
    message(FATAL_ERROR "no headers in ${folder}")
  endif()
  set(units "")
  set(everything "")
  foreach(header IN LISTS headers)
    string(MAKE_C_IDENTIFIER ${header} name)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/${target}_units/${name}.cpp)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include <${header}>\n")
    list(APPEND units ${unit})
    string(APPEND everything "#include <${header}>\n")
  endforeach()
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/${target}_units/every_header.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "${everything}int main() {}\n")
  add_executable(${target} ${units} ${unit})
  target_link_libraries(${target} PRIVATE ${ARGN})
endfunction()
