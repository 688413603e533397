#!/bin/sh
# Proves that texts which say the same thing in two places agree: the example in the README is the
# one in examples/, and the version in the headers is that of the build.
#
#   in_step.sh <root>           says what differs; exits 1 if something does
#   in_step.sh --self-test      must see planted differences
set -eu

in_step() {
  status=0
  awk '/^```/ { if (inside) exit; inside = ($0 == "```cpp"); next } inside' "$1/README.md" |
    diff "$1/examples/embedded_forward.cpp" - ||
    { echo "README.md: the example is not examples/embedded_forward.cpp"; status=1; }
  built=$(sed -n 's/^project(rathole VERSION \([0-9.]*\) .*/\1/p' "$1/CMakeLists.txt")
  grep -qF "version = \"$built\";" "$1/include/rathole/version.hpp" ||
    { echo "include/rathole/version.hpp: not version $built of CMakeLists.txt"; status=1; }
  return $status
}

if [ "$1" != --self-test ]; then
  in_step "$1"
  exit
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/examples" "$root/include/rathole"
printf 'int main() {}\n' > "$root/examples/embedded_forward.cpp"
printf '# r\n```sh\nx\n```\n```cpp\nint main() {}\n```\n```cpp\ny\n```\n' > "$root/README.md"
printf 'project(rathole VERSION 1.2.3 LANGUAGES CXX)\n' > "$root/CMakeLists.txt"
printf 'version = "1.2.3";\n' > "$root/include/rathole/version.hpp"
in_step "$root" || { echo "saw a difference that is not there"; exit 1; }

printf 'version = "1.2.4";\n' > "$root/include/rathole/version.hpp"
if in_step "$root" > /dev/null; then echo "did not see the other version"; exit 1; fi
printf 'version = "1.2.3";\n' > "$root/include/rathole/version.hpp"
printf 'int main() { }\n' > "$root/examples/embedded_forward.cpp"
if in_step "$root" > /dev/null; then echo "did not see the other example"; exit 1; fi
