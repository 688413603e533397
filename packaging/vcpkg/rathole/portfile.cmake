# Packages the sources that this port is a part of:
#
#   vcpkg install rathole --overlay-ports=<these sources>/packaging/vcpkg
#
# The library is header-only: there is nothing to build twice.
set(VCPKG_BUILD_TYPE release)
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    config RATHOLE_WITH_CONFIG
    noise RATHOLE_WITH_NOISE
    openssl RATHOLE_WITH_OPENSSL
    tls RATHOLE_WITH_TLS
    websocket RATHOLE_WITH_WEBSOCKET)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DRATHOLE_BUILD_TESTS=OFF
    -DRATHOLE_BUILD_EXAMPLES=OFF
    -DRATHOLE_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/rathole)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
