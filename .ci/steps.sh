# What the scripts of this folder share. Needs $logs, a folder; what became of
# each step stands in $logs/results, a line each: passed, broken or flaky, and
# the step's name.

step() { # step NAME SECONDS COMMAND...
  local name=$1 limit=$2 started=$SECONDS log=$logs/$1.log
  shift 2
  printf '\n=== %s: %s\n' "$name" "$*"
  if timeout --kill-after=30 "$limit" "$@" >"$log" 2>&1; then
    tell passed "$name"
    tail -n 12 "$log"
    printf '=== %s: passed in %d s\n' "$name" $((SECONDS - started))
  else
    local code=$?
    tell broken "$name"
    tail -n 150 "$log"
    printf '=== %s: FAILED (exit %d) after %d s\n' "$name" "$code" $((SECONDS - started))
    return 1
  fi
}

tell() { echo "$1 $2" >>"$logs/results"; } # tell passed|broken|flaky NAME

told() { # told passed|broken|flaky: names, a line each, in their order
  touch "$logs/results"
  awk -v kind="$1" '
    $1 == "flaky" { again[$2] = 1 }
    $1 == kind { names[++count] = $2 }
    END {
      for (i = 1; i <= count; i++)
        if (kind != "broken" || !again[names[i]]) print names[i]
    }' "$logs/results"
}

# What failed in a step, in a few lines: the names that jest and node's test
# runner give, each with the first words of why.
digest() { # digest NAME
  printf '%s:\n' "$1"
  sed 's/\x1b\[[0-9;]*m//g' "$logs/$1.log" 2>/dev/null | awk '
    /^  ● / && !/● Console/ { if (!seen[$0]++) { print; why = 1 } next }
    why && NF { print "  " $0; why = 0 }
    /^ *✖ / && !/failing tests/ { if (!seen[$0]++) { print } }
    /error TS|^\[warn\]|^error / { print }' | cut -c 1-180 | head -n 16
}

yarn() { node scripts/bootstrap.mjs yarn "$@"; }
export -f yarn
