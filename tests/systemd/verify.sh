#!/bin/sh
# Checks the units of a folder with systemd: that every line is understood, and how much a
# compromised service could do.
#
#   verify.sh <folder>        prints what is wrong; exits 1 if something is
#   verify.sh --self-test     must see planted faults
set -eu
export LC_ALL=C

# The largest exposure level, of 100, that systemd may report.
most_exposure=20

command -v systemd-analyze > /dev/null || { echo "no systemd-analyze; install systemd"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# verify <folder>: the program need not be installed.
verify() {
  rm -rf "$work/units"
  mkdir "$work/units"
  printf '#!/bin/sh\n' > "$work/rathole"
  chmod +x "$work/rathole"
  count=0
  status=0
  for unit in "$1"/*.service; do
    [ -e "$unit" ] || break
    count=$((count + 1))
    name=${unit##*/}
    grep -q '^ExecStart=/usr/bin/rathole ' "$unit" ||
      { echo "$name: does not start /usr/bin/rathole"; status=1; }
    sed "s,^ExecStart=/usr/bin/rathole,ExecStart=$work/rathole," "$unit" > "$work/units/$name"
  done
  [ "$count" != 0 ] || { echo "no units in $1"; return 1; }
  for unit in "$work"/units/*.service; do
    name=${unit##*/}
    # It exits with 0 although it warns.
    systemd-analyze verify --man=no --recursive-errors=no "$unit" > "$work/said" 2>&1 || status=1
    if grep -F "$name" "$work/said"; then status=1; fi
    exposed=$(systemd-analyze security --no-pager --offline=yes --threshold=$most_exposure "$unit" \
      2> /dev/null) || { echo "$exposed" | grep -F '✗'; echo "$name: exposed"; status=1; }
  done
  return $status
}

if [ "$1" != --self-test ]; then
  verify "$1"
  exit
fi

# planted <what> <sed's program>: plants a fault in a valid unit, which must be found.
here=$(dirname "$0")/../../examples/configs/systemd
planted() {
  rm -rf "$work/planted"
  mkdir "$work/planted"
  sed "$2" "$here/ratholes.service" > "$work/planted/ratholes.service"
  if verify "$work/planted" > "$work/seen"; then echo "did not see $1"; exit 1; fi
}
# Only the planted fault may be found.
mkdir "$work/sound"
cp "$here/ratholes.service" "$work/sound"
verify "$work/sound"
mkdir "$work/nothing"
if verify "$work/nothing" > /dev/null; then echo "did not see that there are no units"; exit 1; fi
planted "an unknown key" 's/^RestartSec=/RestartSecs=/'
planted "an unknown value" 's/^Type=notify/Type=notifying/'
planted "a program that is elsewhere" 's,^ExecStart=/usr/bin/,ExecStart=/opt/,'
planted "a service that is not confined" '/^\(Protect\|Private\|Restrict\|SystemCall\|Dynamic\)/d'
