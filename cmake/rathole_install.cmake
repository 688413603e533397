# install: the headers, find_package(rathole), pkg-config's rathole.pc and the licence; with the program
# also the units that start it. The folder `cmake` of the build is such a package, too, which finds the
# headers in the sources: -Drathole_DIR=<build>/cmake.

include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/rathole)
configure_package_config_file(cmake/ratholeConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/ratholeConfig.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/ratholeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
file(RELATIVE_PATH pkgconfig_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/rathole.pc.in ${PROJECT_BINARY_DIR}/cmake/rathole.pc @ONLY)

install(DIRECTORY include/rathole TYPE INCLUDE FILES_MATCHING PATTERN "*.hpp")
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/ratholeConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/ratholeConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/rathole_dependencies.cmake
  DESTINATION ${package_folder})
# A file for each component, so that a project that asks for one needs the dependencies of no other.
foreach(component IN LISTS rathole_available ITEMS rathole)
  install(TARGETS rathole_${component} EXPORT rathole_${component})
  install(EXPORT rathole_${component} FILE rathole_${component}.cmake NAMESPACE rathole::
    DESTINATION ${package_folder})
  export(EXPORT rathole_${component} NAMESPACE rathole::
    FILE ${PROJECT_BINARY_DIR}/cmake/rathole_${component}.cmake)
endforeach()
configure_file(cmake/rathole_dependencies.cmake ${PROJECT_BINARY_DIR}/cmake/rathole_dependencies.cmake
  COPYONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/rathole.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE TYPE DOC)

if(RATHOLE_BUILD_EXAMPLES AND TARGET rathole::app)
  # The units name the program by the prefix, which is known only when it is installed.
  install(CODE "
    set(units \"${PROJECT_SOURCE_DIR}/examples/configs/systemd\")
    set(program \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/rathole\")
    set(folder \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
    include(\"${PROJECT_SOURCE_DIR}/cmake/install_units.cmake\")")
endif()
