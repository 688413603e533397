# install: the headers, find_package(rathole) and pkg-config's rathole.pc.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
