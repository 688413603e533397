# Sourced: runs stages, and reports the time of each at the end. A stage that fails does not prevent
# the next ones.

failed=0
stage_lines=()

# stage <name> <command>...
stage() {
  local name=$1 begin=$SECONDS status=0 verdict=passed
  shift
  printf '\n======== %s\n' "$name"
  "$@" || status=$?
  if [ "$status" != 0 ]; then
    verdict="FAILED ($status)"
    failed=1
  fi
  stage_lines+=("$(printf '%5d s  %-32s %s' $((SECONDS - begin)) "$name" "$verdict")")
}

summary() {
  printf '\n======== summary\n'
  printf '%s\n' "${stage_lines[@]}"
  printf '%5d s  in all\n' "$SECONDS"
}
