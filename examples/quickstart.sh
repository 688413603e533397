#!/bin/bash
# A tunnel on this machine, from nothing: installs what is missing, builds the program, starts a
# web server (nginx), a rathole server and a rathole client with the files of
# examples/configs/minimal/, and fetches 16 MiB through the tunnel. Stops what it started.
#
# The files are copied, and their ports replaced by free ones of the loopback address, so that
# nothing conflicts with running programs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
work=$(mktemp -d)
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() {
  printf '\nFAILED: %s\n' "$*" >&2
  for log in "$work"/*.log; do
    [ -s "$log" ] && { printf -- '--- %s\n' "${log##*/}"; tail -n 20 "$log"; } >&2
  done
  exit 1
}

# A TCP port that nobody listens on, below those which the kernel gives to outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    grep -qi ":$(printf '%04X' $port) 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 2> /dev/null ||
      { echo $port; return; }
  done
}

# eventually <seconds> <what> <command>...: waits until the command succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "$what"
    for pid in "${started[@]}"; do kill -0 "$pid" 2> /dev/null || fail "$what: a program ended"; done
    sleep 0.1
  done
}

log=build/quickstart.log
mkdir -p build
: > "$log"
# quietly <command>...: its output goes to the log.
quietly() {
  "$@" >> "$log" 2>&1 || { tail -n 30 "$log" >&2; fail "$1 failed; all of its output is in $log"; }
}

say "Installing what is missing, and building; what that says is in $log"
quietly tests/support/install-deps.sh g++ cmake ninja-build libasio-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev \
  libspdlog-dev libfmt-dev "libbotan-3-dev|libbotan-2-dev" libssl-dev nginx curl
quietly cmake --preset release
quietly cmake --build --preset release --target rathole \
  --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

web=$(free_port)
control=$(free_port)
entry=$(free_port)
while [ "$control" = "$web" ]; do control=$(free_port); done
while [ "$entry" = "$web" ] || [ "$entry" = "$control" ]; do entry=$(free_port); done

say "Starting the service: nginx on 127.0.0.1:$web"
mkdir "$work/www"
head -c $((16 * 1024 * 1024)) /dev/urandom > "$work/www/random.bin"
chmod -R a+rX "$work"
cat > "$work/nginx.conf" << END
daemon off;
master_process off;
pid $work/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $work/body;
  proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi;
  scgi_temp_path $work/scgi;
  server {
    listen 127.0.0.1:$web;
    root $work/www;
  }
}
END
nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || fail "there is no nginx"
"$nginx" -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf" &
started+=($!)

say "Starting the tunnel: a server for visitors at 127.0.0.1:$entry, and a client beside nginx"
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
for side in server client; do
  sed -e "s/\"[^\"]*:2333\"/\"127.0.0.1:$control\"/" \
    -e "s/\"[^\"]*:5202\"/\"127.0.0.1:$entry\"/" \
    -e "s/\"[^\"]*:80\"/\"127.0.0.1:$web\"/" \
    -e "s/^default_token = .*/default_token = \"$token\"/" \
    "examples/configs/minimal/$side.toml" > "$work/$side.toml"
  build/release/rathole "$work/$side.toml" > "$work/$side.log" 2>&1 &
  started+=($!)
done

fetch() { curl --fail --silent --noproxy '*' --max-time 60 -o "$2" "http://127.0.0.1:$1/random.bin"; }
eventually 20 "nginx does not answer" fetch "$web" /dev/null
eventually 20 "the tunnel does not answer" fetch "$entry" "$work/fetched.bin"

say "Comparing what came through the tunnel with what nginx has"
sent=$(sha256sum < "$work/www/random.bin")
came=$(sha256sum < "$work/fetched.bin")
echo "SHA-256 of the file:    ${sent%% *}"
echo "SHA-256 of what came:   ${came%% *}"
[ "$sent" = "$came" ] || fail "they differ"

say "16 MiB came through the tunnel unchanged: curl -> rathole server -> rathole client -> nginx"
cat << 'END'
To go on with two machines, take build/release/rathole and the files of examples/configs/minimal/:
  1. server.toml goes to the host with the public address: `rathole server.toml`.
  2. client.toml goes beside your service; set `remote_addr` to the first machine and `local_addr` to
     your service: `rathole client.toml`.
  3. Replace the token in both by a secret of your own. `rathole --help` lists the rest.
END
