#!/bin/sh
# check.sh <executable>...: none may need a shared library except those of the language and the
# system. With --self-test it must refuse a shell command that needs another one.
set -eu
allowed='linux-vdso|ld-linux[a-z0-9-]*|libc|libm|libstdc\+\+|libgcc_s|libpthread|libatomic'

foreign() { ldd "$1" | sed 's,^[[:space:]]*,,; s,.*/\(ld-linux\),\1,' | grep -vE "^($allowed)\.so"; }

if [ "$1" = --self-test ]; then
  foreign "$(command -v sed)" > /dev/null || { echo "did not see sed's libraries"; exit 1; }
  exit 0
fi
status=0
for executable in "$@"; do
  if libraries=$(foreign "$executable"); then
    echo "$executable needs"; echo "$libraries"; status=1
  fi
done
exit $status
