#!/bin/sh
# Makes the package with Conan 2, with all parts and with none, and builds a program with each. What
# the library depends on is taken from this system instead of from Conan's server.
#
#   conan.sh <root of the project> <conan> <compiler>
set -eu
root=$1
conan=$2
CXX=$3
export CXX
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CONAN_HOME="$folder/home"
"$conan" profile detect > /dev/null 2>&1

# system_package <name> <version> <CMake's name> [<library>...]
system_package() {
  mkdir "$folder/$1"
  cat > "$folder/$1/conanfile.py" << END
from conan import ConanFile


class SystemPackage(ConanFile):
    name = "$1"
    version = "$2"

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "$3")
        self.cpp_info.includedirs = [${include:-}]
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.system_libs = "$(shift 3; echo "$@")".split()
END
  "$conan" create "$folder/$1" > "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
}
botan=$(for each in 3 2; do [ ! -d /usr/include/botan-$each ] || { echo $each; break; }; done)
system_package asio 1.22.1 asio
system_package tomlplusplus 3.3.0 tomlplusplus
system_package openssl 3.0.0 OpenSSL ssl crypto
include="\"/usr/include/botan-$botan\""
system_package botan "$botan.19.0" botan "botan-$botan"

# package <what the program prints> [<option>...]
package() {
  expected=$1
  shift
  if ! "$conan" create "$root/packaging/conan" -s compiler.cppstd=23 \
    -c tools.cmake.cmake_layout:test_folder="$folder/test" "$@" > "$folder/log" 2>&1; then
    cat "$folder/log"
    exit 1
  fi
  grep -qxF "$expected" "$folder/log" ||
    { cat "$folder/log"; echo "it does not print \`$expected\`"; exit 1; }
  echo "$expected"
}
package 'noise 1, tls 1, openssl 1, websocket 1'
package 'noise 0, tls 0, openssl 0, websocket 0' -o '&:config=False' -o '&:noise=False' \
  -o '&:tls=False' -o '&:websocket=False'
