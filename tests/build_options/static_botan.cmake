# cmake -DSOURCE=<the project> -DWORK=<empty folder> -DCXX=<compiler> -P static_botan.cmake
# Tests the option RATHOLE_STATIC_BOTAN: programs are linked with Botan's archive where they can be, and
# one that cannot be linked is no error unless it was required.

include(${CMAKE_CURRENT_LIST_DIR}/configures.cmake)

set(contained "programs contain what they use of Botan")
set(unusable -Drathole_links_static_botan=OFF)
configures(succeeds ${contained} -DRATHOLE_STATIC_BOTAN=ON)
configures(succeeds ${contained} -DRATHOLE_STATIC_BOTAN=AUTO)
configures(succeeds "programs load Botan's shared library" -DRATHOLE_STATIC_BOTAN=AUTO ${unusable})
configures(fails "which RATHOLE_STATIC_BOTAN asks for" -DRATHOLE_STATIC_BOTAN=ON ${unusable})
