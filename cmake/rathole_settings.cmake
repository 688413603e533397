# How this project compiles its own programs and tests; nothing here affects users of the library.

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Kind of build" FORCE)
endif()

# ccache can only serve units with a precompiled header if it may ignore these differences.
find_program(RATHOLE_CCACHE ccache)
mark_as_advanced(RATHOLE_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND RATHOLE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${RATHOLE_CCACHE})
endif()

# g++ compiles this code in a seventh less time if it collects its garbage less often, which takes a
# fifth more memory.
cmake_host_system_information(RESULT rathole_memory_mib QUERY TOTAL_PHYSICAL_MEMORY)
set(rathole_gcc_memory "")
if(rathole_memory_mib GREATER 8000)
  set(rathole_gcc_memory --param=ggc-min-expand=100 --param=ggc-min-heapsize=1000000)
endif()

add_library(rathole_build_flags INTERFACE)
target_compile_options(rathole_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<BOOL:${RATHOLE_WERROR}>:-Werror>
  "$<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess;${rathole_gcc_memory}>"
  "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")

# tests/hardening/check.sh shows them in the program.
if(RATHOLE_HARDEN)
  target_compile_options(rathole_build_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
    -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    target_compile_options(rathole_build_flags INTERFACE -fcf-protection)
  endif()
endif()

# Relocations of position-independent code in a compact table (DT_RELR), which the C library must know:
# the program is 3 % smaller.
if(CMAKE_BUILD_TYPE MATCHES "^(Release|MinSizeRel)$")
  include(CheckCXXSourceCompiles)
  include(CheckLinkerFlag)
  check_cxx_source_compiles("
    #include <features.h>
    #if !__GLIBC_PREREQ(2, 36)
    #error too old
    #endif
    int main() {}" RATHOLE_HAVE_GLIBC_2_36)
  check_linker_flag(CXX LINKER:-z,pack-relative-relocs RATHOLE_HAVE_PACKED_RELOCATIONS)
  if(RATHOLE_HAVE_GLIBC_2_36 AND RATHOLE_HAVE_PACKED_RELOCATIONS)
    target_link_options(rathole_build_flags INTERFACE LINKER:-z,pack-relative-relocs)
  endif()
endif()
