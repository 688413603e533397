# Defines the targets of the library, one INTERFACE target for each component that is available:
# rathole_<component>, with the alias rathole::<component>, by which everybody links it. rathole::rathole
# is core with what there is but sim and app.
#
#   in:  rathole_available   from rathole_dependencies.cmake
#   out: rathole_transports  the transports to link, as far as they are available

set(rathole_transports $<TARGET_NAME_IF_EXISTS:rathole::noise> $<TARGET_NAME_IF_EXISTS:rathole::tls>
  $<TARGET_NAME_IF_EXISTS:rathole::openssl> $<TARGET_NAME_IF_EXISTS:rathole::websocket>)

# A macro tells transport/visit.hpp which transports are built in.
set(rathole_macros_of_noise RATHOLE_WITH_NOISE=1)
set(rathole_macros_of_tls RATHOLE_WITH_TLS=1)
set(rathole_macros_of_openssl RATHOLE_WITH_OPENSSL=1)
set(rathole_macros_of_admin RATHOLE_WITH_ADMIN=1)
set(rathole_macros_of_websocket RATHOLE_WITH_WEBSOCKET=1)
# Asio 1.22 does not see that clang with libstdc++ has coroutines, and sees std::aligned_alloc only in
# units that include a standard header before it: without the macro, one unit may allocate what
# another frees by another function.
set(rathole_macros_of_asio ASIO_STANDALONE ASIO_DISABLE_STD_ALIGNED_ALLOC
  $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_CO_AWAIT> $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_STD_COROUTINE>)
# Header-only on purpose: the program links neither libspdlog nor libfmt.
set(rathole_macros_of_app SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)

foreach(component IN LISTS rathole_available)
  set(target rathole_${component})
  add_library(${target} INTERFACE)
  add_library(rathole::${component} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${component})
  if(TARGET rathole::dependencies_of_${component})
    target_link_libraries(${target} INTERFACE rathole::dependencies_of_${component})
  endif()
  foreach(need IN LISTS rathole_needs_${component})
    target_link_libraries(${target} INTERFACE rathole_${need})
  endforeach()
  target_compile_definitions(${target} INTERFACE ${rathole_macros_of_${component}})
endforeach()

target_include_directories(rathole_core INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(rathole_core INTERFACE cxx_std_23)
if(TARGET rathole_app)
  target_link_libraries(rathole_app INTERFACE ${rathole_transports})
endif()

# `rathole` is the program.
add_library(rathole_rathole INTERFACE)
add_library(rathole::rathole ALIAS rathole_rathole)
set_target_properties(rathole_rathole PROPERTIES EXPORT_NAME rathole)
target_link_libraries(rathole_rathole INTERFACE rathole_core
  $<TARGET_NAME_IF_EXISTS:rathole::asio> $<TARGET_NAME_IF_EXISTS:rathole::config>
  ${rathole_transports})
