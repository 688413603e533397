#!/bin/bash
# run.sh PROGRAM [--all]: tries the manual page and the completions that the program prints of itself.
#
# Without --all only in bash, which is always there; with it also in zsh, fish and man, which must be.
# Bash divides the completions of zsh into words as zsh does, so that it finds wrong quotes in them.
set -euo pipefail
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
for form in man bash zsh fish; do "$program" --describe "$form" > "$work/$form"; done

fail() { echo "$*" >&2; exit 1; }

# Every option and command of the help is in each description.
"$program" --help > "$work/help"
commands=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' "$work/help")
options=$(grep -oE -- '(^| )--[a-z-]+' "$work/help" | tr -d ' ' | sort -u)
grep -q status <<< "$commands" || fail "the help has no command status"
for form in bash zsh fish; do
  for word in $commands; do grep -q -- "$word" "$work/$form" || fail "$form lacks $word"; done
  for word in $options; do
    [ "$form" != fish ] || word="-l ${word#--}"
    [ "$word" = --admin ] || grep -q -- "$word" "$work/$form" || fail "$form lacks $word"
  done
done
for word in $commands $options ID LEVEL; do
  grep -qF -- "${word//-/\\-}" "$work/man" || fail "the manual page lacks $word"
done

# complete <words>...: what bash offers for the last word.
complete_in_bash() {
  bash -c 'source "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _rathole; printf "%s\n" "${COMPREPLY[@]}"' \
    bash "$work/bash" rathole "$@"
}
offers() {
  local wanted=$1
  shift
  complete_in_bash "$@" | grep -qxF -- "$wanted" || fail "bash does not offer $wanted after: $*"
}
mkdir "$work/here"
cd "$work/here"
touch server.toml
offers status st
offers --server --se
offers json --log-format j
offers server.toml status ser
offers --service connections --s
offers --admin kick --ad
offers --token-file client --tok
offers tls server --transport tl
! complete_in_bash kick --se | grep -qx -- --service || fail "bash offers --service after kick"
# only <words> -- <words>...: bash offers exactly these words for the last one.
only() {
  local wanted=$1 found
  shift 2
  found=$(complete_in_bash "$@" | sort | xargs)
  [ "$found" = "$wanted" ] || fail "bash offers '$found' instead of '$wanted' after: $*"
}
only 'http:// https:// unix:' -- status --admin ''
only 'http:// https://' -- status --admin = http
only 'server.toml' -- status --admin unix : ser
only 'x25519' -- --genkey ''
only 'bash fish man zsh' -- --describe ''
only 'server.toml' -- --check s
only 'server.toml' -- -s s
only 'server.toml' -- kick server.toml --token-file ser
only 'server.toml' -- kick server.toml --ca-file ser
only 'server.toml' -- kick ''
only '' -- kick server.toml ''
only '' -- kick --admin http : //localhost : 9091 ''
only '' -- status server.toml ''
only '' -- connections server.toml --limit ''
only 'debug error info off trace warn' -- log-level server.toml ''
only 'debug' -- log-level --json server.toml d
only 'warn' -- log-level --admin unix : /run/admin.sock w
only 'server.toml' -- diagnose ser
only 'server.toml' -- client --token-file ser
only '' -- server.toml ''
! complete_in_bash server.toml s | grep -qx status || fail "bash offers a command after a file"

bash -n "$work/zsh" || fail "the completions of zsh have wrong quotes"
[ "${2-}" = --all ] || exit 0
zsh -n "$work/zsh" || fail "zsh does not accept its completions"
cp "$work/zsh" "$work/_rathole"
zsh -f -c 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -D -u; whence -w _rathole' zsh "$work" |
  grep -q function || fail "zsh does not find the function"
fish --no-execute "$work/fish" || fail "fish does not accept its completions"
fish -c "source $work/fish; complete -C 'rathole sta'" | grep -q '^status' ||
  fail "fish does not offer status"
fish -c "source $work/fish; complete -C 'rathole connections --li'" | grep -q -- '--limit' ||
  fail "fish does not offer --limit"
LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$work/man" > "$work/page" 2> "$work/warnings"
[ ! -s "$work/warnings" ] || fail "$(cat "$work/warnings")"
grep -q 'rathole - A reverse proxy' "$work/page" || fail "man does not show the name"
