#!/bin/sh
# make_certificates.sh <name or address of the server>: makes an authority (ca.key, ca.crt) and a
# server's key and certificate (server.key, server.crt) in the working directory, with OpenSSL 3.
# Keep ca.key away from the server; the client gets ca.crt. Only their owner may read the keys; in a
# directory with a set-group-ID bit, as /etc/rathole has it, the group may read server.key, too.
set -eu
umask 077
server=${1:?usage: make_certificates.sh <name or address of the server>}
case $server in
  *:*|[0-9]*.[0-9]*.[0-9]*.[0-9]*) name="IP:$server" ;;
  *) name="DNS:$server" ;;
esac
[ -e ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 \
  -subj "/CN=rathole authority" -addext "keyUsage = critical, keyCertSign" \
  -keyout ca.key -out ca.crt
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 \
  -CA ca.crt -CAkey ca.key -subj "/CN=$server" -addext "subjectAltName = $name" \
  -addext "basicConstraints = critical, CA:FALSE" -addext "extendedKeyUsage = serverAuth" \
  -keyout server.key -out server.crt
chmod 644 ca.crt server.crt
[ ! -g . ] || chmod 640 server.key
echo "Made server.key and server.crt for $server."
