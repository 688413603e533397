#!/bin/sh
# Follows examples/configs/systemd/README.md as far as it is about keys: the files of
# make_certificates.sh can be read by the service's group, and by no other user, in a directory as
# in the README.
#
#   certificates.sh [<program>]   as root the program itself reads them, as the service's user
set -eu
export LC_ALL=C
umask 022
here=$(cd "$(dirname "$0")/../.." && pwd)
make="$here/examples/configs/tls/make_certificates.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
status=0

# expect <file> <mode>
expect() {
  mode=$(stat -c %a "$1")
  [ "$mode" = "$2" ] || { echo "$1 has mode $mode, not $2"; status=1; }
}

install -d -m 700 "$work/elsewhere"
(cd "$work/elsewhere" && sh "$make" tunnel.example.com) > /dev/null 2>&1
expect "$work/elsewhere/ca.key" 600
expect "$work/elsewhere/server.key" 600
expect "$work/elsewhere/server.crt" 644
expect "$work/elsewhere/ca.crt" 644

# Made in place, and moved there by the README's command.
install -d -m 2750 "$work/etc" "$work/moved"
group=$(id -g)
# An unused group and user.
[ "$(id -u)" != 0 ] || { group=54321; chgrp $group "$work/etc" "$work/moved"; chmod 2750 "$work/etc" "$work/moved"; }
(cd "$work/etc" && sh "$make" tunnel.example.com) > /dev/null 2>&1
expect "$work/etc/ca.key" 600
expect "$work/etc/server.key" 640
install -m 640 -g "$group" "$work/elsewhere/server.key" "$work/elsewhere/server.crt" "$work/moved/"
expect "$work/moved/server.key" 640
for folder in etc moved; do
  [ "$(stat -c %g "$work/$folder/server.key")" = "$group" ] ||
    { echo "server.key in $folder is not the group's"; status=1; }
done

if [ "$(id -u)" = 0 ] && [ $# = 1 ]; then
  for folder in etc moved; do
    cat > "$work/$folder/rathole.toml" << 'END'
[server]
bind_addr = "127.0.0.1:2333"
default_token = "a token"
[server.services.web]
bind_addr = "127.0.0.1:5202"
[server.transport]
type = "tls"
[server.transport.tls]
cert = "server.crt"
key = "server.key"
END
    as="setpriv --reuid=54322 --regid=54322 --inh-caps=-all"
    # shellcheck disable=SC2086 # words
    (cd "$work/$folder" && $as --groups=$group "$1" --check rathole.toml) ||
      { echo "the service cannot read its key in $folder"; status=1; }
    chmod 755 "$work/$folder"
    # shellcheck disable=SC2086
    if (cd "$work/$folder" && $as --clear-groups "$1" --check rathole.toml) > /dev/null 2>&1; then
      echo "anybody can read the key in $folder"; status=1
    fi
  done
fi
exit $status
