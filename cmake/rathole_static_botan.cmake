# Decides whether the programs of this project contain what they use of Botan, instead of loading its
# shared library and the libraries that this one needs. It affects neither the installed package nor a
# project that includes this one.
#
#   in:  RATHOLE_STATIC_BOTAN (ON, OFF or AUTO), rathole::dependencies_of_botan
#
# With ON it is an error if programs cannot be linked with the static library.

if(NOT RATHOLE_STATIC_BOTAN OR NOT TARGET rathole::dependencies_of_botan)
  return()
endif()
include(CheckCXXSourceCompiles)
find_package(OpenSSL QUIET)
get_target_property(shared rathole::dependencies_of_botan INTERFACE_LINK_LIBRARIES)
get_target_property(headers rathole::dependencies_of_botan INTERFACE_INCLUDE_DIRECTORIES)
string(REGEX REPLACE "\\.so$" ".a" archive "${shared}")
set(needed ${archive} Threads::Threads ${CMAKE_DL_LIBS})
if(TARGET OpenSSL::Crypto)
  # Debian 12's archive uses it for some ciphers.
  list(APPEND needed OpenSSL::Crypto)
endif()

set(rathole_can_link_botan OFF)
if(EXISTS "${archive}")
  set(CMAKE_REQUIRED_INCLUDES ${headers})
  set(CMAKE_REQUIRED_LIBRARIES ${needed})
  # As an option it would be followed by that of the compiler's default.
  set(CMAKE_CXX_STANDARD 23)
  # To name the types of both ends of TLS, the linker needs all that they use.
  check_cxx_source_compiles("
    #include <botan/tls_client.h>
    #include <botan/tls_server.h>
    #include <typeinfo>
    int main() { return typeid(Botan::TLS::Client) == typeid(Botan::TLS::Server); }
  " rathole_links_static_botan)
  set(rathole_can_link_botan ${rathole_links_static_botan})
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_CXX_STANDARD)
endif()

if(rathole_can_link_botan)
  set_target_properties(rathole::dependencies_of_botan PROPERTIES INTERFACE_LINK_LIBRARIES "${needed}")
  message(STATUS "rathole: programs contain what they use of Botan")
elseif(RATHOLE_STATIC_BOTAN STREQUAL "AUTO")
  message(STATUS "rathole: programs load Botan's shared library: ${archive} cannot be linked")
else()
  message(FATAL_ERROR "rathole: programs cannot be linked with ${archive}, which RATHOLE_STATIC_BOTAN asks for")
endif()
