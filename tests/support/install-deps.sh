#!/bin/sh
# install-deps.sh <package>[|<package>]...: installs the packages that are missing, with apt-get, as
# root or through sudo. Of alternatives it installs the first that this system offers. It neither
# starts nor enables the services that packages contain.
set -eu

# Without dpkg it cannot be checked what is installed; the user is responsible for that.
if ! command -v dpkg-query > /dev/null; then
  echo "This is not a Debian system; assuming that these packages of Debian are installed: $*"
  exit 0
fi

# is_installed <package>[|<package>]...: succeeds if one of the alternatives is installed.
is_installed() {
  for name in $(echo "$1" | tr '|' ' '); do
    case $(dpkg-query -W -f='${Status}' "$name" 2> /dev/null) in
      "install ok installed") return 0 ;;
    esac
  done
  return 1
}

# choose <package>[|<package>]...: prints the first alternative that apt offers; if it offers none,
# the last one, so that apt-get reports it.
choose() {
  for name in $(echo "$1" | tr '|' ' '); do
    [ -z "$(apt-cache --quiet search --names-only "^$name\$")" ] || break
  done
  echo "$name"
}

missing=""
for package in "$@"; do
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "These packages are missing; install them as root, then try again:$missing" >&2
    exit 1
  fi
  echo "Installing through sudo:$missing"
  exec sudo "$0" "$@"
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing:$missing"
# Without new indexes, apt-get may still find all packages in those that are stored here.
apt-get update -q || echo "apt-get update failed; trying with the indexes that are here" >&2
chosen=""
for package in $missing; do chosen="$chosen $(choose "$package")"; done
# shellcheck disable=SC2086 # the names hold no white space
apt-get install -q -y --no-install-recommends $chosen < /dev/null

for service in nginx haproxy tinyproxy microsocks; do
  case " $missing " in
    *" $service "*) systemctl disable --quiet "$service.service" 2> /dev/null || true ;;
  esac
done
