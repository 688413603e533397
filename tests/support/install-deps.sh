#!/bin/sh
# install-deps.sh <package>...: installs those of the packages that are missing, with apt-get, as
# root or through sudo. Services in the packages are neither started nor enabled.
set -eu

# Where there is no dpkg, who builds must know what the packages are called.
if ! command -v dpkg-query > /dev/null; then
  echo "Not a Debian system: taking it that there is what Debian calls: $*"
  exit 0
fi

missing=""
for package in "$@"; do
  case $(dpkg-query -W -f='${Status}' "$package" 2> /dev/null) in
    "install ok installed") ;;
    *) missing="$missing $package" ;;
  esac
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
# An index that cannot be fetched matters only if a package cannot be found then.
apt-get update -q || echo "apt-get update failed; trying with the indexes that are here" >&2
# shellcheck disable=SC2086 # the names hold no white space
apt-get install -q -y --no-install-recommends $missing < /dev/null

case " $missing " in
  *" nginx "*) systemctl disable --quiet nginx.service 2> /dev/null || true ;;
esac
