# Defines the targets of the library. The build and the installed package both read this file, so
# that there is one definition of what a component needs.
#
#   in:  rathole_include_dir   the folder that holds rathole/
#        rathole_components    which of: core asio sim config noise tls openssl websocket app
#   out: rathole::<component>, and rathole::rathole, which is core with what there is but sim and app
#        rathole_missing       why components could not be made; empty when all could

set(rathole_missing "")

# rathole_component(<name> [HEADERS <file>...] [LIBRARIES <name>[|<name>...]...] [LINK <target>...]):
# one INTERFACE target. HEADERS and LIBRARIES are those of other projects, of the latter the first of
# each group that is there; a component without them is not made and is noted in rathole_missing.
macro(rathole_component name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBRARIES;LINK" ${ARGN})
  set(arg_folders "")
  set(arg_absent "")
  foreach(library IN LISTS arg_LIBRARIES)
    string(MAKE_C_IDENTIFIER "rathole_library_${library}" variable)
    string(REPLACE "|" ";" arg_names "${library}")
    find_library(${variable} NAMES ${arg_names} NAMES_PER_DIR)
    mark_as_advanced(${variable})
    if(${variable})
      list(APPEND arg_LINK ${${variable}})
    else()
      list(APPEND arg_absent "lib${library}")
    endif()
  endforeach()
  foreach(header IN LISTS arg_HEADERS)
    string(MAKE_C_IDENTIFIER "rathole_folder_of_${header}" variable)
    find_path(${variable} ${header} PATH_SUFFIXES botan-3 botan-2)
    mark_as_advanced(${variable})
    if(${variable})
      list(APPEND arg_folders ${${variable}})
    else()
      list(APPEND arg_absent ${header})
    endif()
  endforeach()
  foreach(target IN LISTS arg_LINK)
    if(target MATCHES "::" AND NOT TARGET ${target})
      list(APPEND arg_absent ${target})
    endif()
  endforeach()
  if(arg_absent)
    list(JOIN arg_absent ", " arg_absent)
    string(APPEND rathole_missing "rathole::${name} (needs ${arg_absent}) ")
  elseif(NOT TARGET rathole::${name})
    list(REMOVE_DUPLICATES arg_folders)
    add_library(rathole::${name} INTERFACE IMPORTED GLOBAL)
    target_include_directories(rathole::${name} SYSTEM INTERFACE ${arg_folders})
    target_link_libraries(rathole::${name} INTERFACE ${arg_LINK})
  endif()
endmacro()

if(NOT TARGET rathole::core)
  add_library(rathole::core INTERFACE IMPORTED GLOBAL)
  target_include_directories(rathole::core INTERFACE ${rathole_include_dir})
  target_compile_features(rathole::core INTERFACE cxx_std_23)
  set_target_properties(rathole::core PROPERTIES SYSTEM OFF)
endif()

if("asio" IN_LIST rathole_components OR "sim" IN_LIST rathole_components
   OR "app" IN_LIST rathole_components)
  find_package(Threads QUIET)
  rathole_component(asio HEADERS asio/io_context.hpp LINK rathole::core Threads::Threads)
  if(TARGET rathole::asio)
    # Asio 1.22 does not see that clang with libstdc++ has coroutines.
    target_compile_definitions(rathole::asio INTERFACE ASIO_STANDALONE
      $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE>)
  endif()
endif()

if("sim" IN_LIST rathole_components)
  rathole_component(sim LINK rathole::asio)
endif()

if("config" IN_LIST rathole_components OR "app" IN_LIST rathole_components)
  rathole_component(config HEADERS toml++/toml.h LINK rathole::core)
endif()

# A macro tells transport/visit.hpp which transports are built in.
if("noise" IN_LIST rathole_components OR "tls" IN_LIST rathole_components)
  rathole_component(botan HEADERS botan/version.h LIBRARIES botan-3|botan-2 LINK rathole::core)
endif()

if("noise" IN_LIST rathole_components)
  rathole_component(noise LINK rathole::botan)
  if(TARGET rathole::noise)
    target_compile_definitions(rathole::noise INTERFACE RATHOLE_WITH_NOISE=1)
  endif()
endif()

if("tls" IN_LIST rathole_components)
  rathole_component(tls LINK rathole::botan)
  if(TARGET rathole::tls)
    target_compile_definitions(rathole::tls INTERFACE RATHOLE_WITH_TLS=1)
  endif()
endif()

if("openssl" IN_LIST rathole_components)
  rathole_component(openssl HEADERS openssl/ssl.h LIBRARIES ssl crypto LINK rathole::tls)
  if(TARGET rathole::openssl)
    target_compile_definitions(rathole::openssl INTERFACE RATHOLE_WITH_OPENSSL=1)
  endif()
endif()

if("websocket" IN_LIST rathole_components AND NOT TARGET rathole::websocket)
  add_library(rathole::websocket INTERFACE IMPORTED GLOBAL)
  target_link_libraries(rathole::websocket INTERFACE rathole::core)
  target_compile_definitions(rathole::websocket INTERFACE RATHOLE_WITH_WEBSOCKET=1)
endif()

set(rathole_transports $<TARGET_NAME_IF_EXISTS:rathole::noise> $<TARGET_NAME_IF_EXISTS:rathole::tls>
  $<TARGET_NAME_IF_EXISTS:rathole::openssl> $<TARGET_NAME_IF_EXISTS:rathole::websocket>)

if("app" IN_LIST rathole_components)
  rathole_component(app HEADERS CLI/CLI.hpp spdlog/spdlog.h fmt/format.h
                    LINK rathole::asio rathole::config)
  if(TARGET rathole::app)
    # Header-only on purpose: the program links neither libspdlog nor libfmt.
    target_compile_definitions(rathole::app INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
    target_link_libraries(rathole::app INTERFACE ${rathole_transports})
  endif()
endif()

if(NOT TARGET rathole::rathole)
  add_library(rathole::rathole INTERFACE IMPORTED GLOBAL)
  target_link_libraries(rathole::rathole INTERFACE rathole::core
    $<TARGET_NAME_IF_EXISTS:rathole::asio> $<TARGET_NAME_IF_EXISTS:rathole::config>
    ${rathole_transports})
endif()
