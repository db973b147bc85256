#!/usr/bin/env bash
# Searches the model of docs/KEY-LIFECYCLE.md: the protocol has to hold in every configuration, each mutation has to be found.
#   docs/model/run.sh [--full] [NAME...]      --full: more calls, values and kills (half an hour)
set -euo pipefail
here=$(readlink -f "${BASH_SOURCE[0]%/*}")
full=
if [ "${1:-}" = --full ]; then full=yes; shift; fi
chosen=" $* "
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs Spin with these options; "figures" is what it has searched, "found" the assertion that failed.
search() {
  rm -rf "${work:?}/"*
  # Where the whole space is searched for long, the compiler's time pays.
  if ! (cd "$work" && spin "$@" -a "$here/keys.pml" >log 2>&1 \
    && cc -w "$([ -z "$full" ] && echo -O0 || echo -O1)" -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c >>log 2>&1 \
    && ./pan -m1000000 >out 2>&1); then
    cat "$work/log" "$work/out" 2>/dev/null >&2 || true
    found="Spin did not run"
    return
  fi
  found=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' "$work/out" | head -n 1)
  grep -q "max search depth too small\|Search not completed\|out of memory" "$work/out" && [ -z "$found" ] && found="not all was searched"
  figures=$(awk '/states, stored/ { s = $1 } /transitions/ { t = $1 } /depth reached/ { d = $6 + 0 }
    /elapsed time/ { e = $4 } END { printf "%d states, %d transitions, depth %d, %s s", s, t, d, e + 0 }' "$work/out")
}

is_chosen() { [ "$chosen" = "  " ] || [[ $chosen == *" $1 "* ]]; }

report() { # whether it is right, text
  if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; status=1; fi
}

holds() { # name, options of the gate, further ones of --full
  is_chosen "$1" || return 0
  # shellcheck disable=SC2086 # lists of options
  search $2 ${full:+$3}
  report "$([ -z "$found" ] && echo 0 || echo 1)" "model: $1: ${figures:-}${found:+: $found}"
}

breaks() { # mutation, options
  is_chosen "$1" || return 0
  # shellcheck disable=SC2086
  search "-D$1" $2
  report "$([[ $found == "assertion violated"* ]] && echo 0 || echo 1)" "model: $1 is found: ${found:-nothing}"
}

holds changes "-DCHANGERS=2 -DKILLS=1" "-DOPS=2 -DVALUES=2 -DGOES_ALSO=P3 -DKEYS=7"
holds providers "-DCHANGERS=2 -DOPENS_ALSO=P2 -DGOES_ALSO=P3" "-DOPS=2 -DKILLS=1 -DKEYS=7"
holds traffic "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1 -DREADS=1 -DKILLS=1" "-DOPS=2 -DVALUES=2 -DWRITES=2"
holds direct "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1 -DREADS=1 -DDIRECT=1" "-DOPS=2 -DKILLS=1"
holds first-of "-DCHANGERS=2 -DOPENS_WITH=FIRST -DOPENS_ALSO=P1 -DFIRST_KEY_AT=P1" "-DKILLS=1 -DFAULTS=1"
holds records "-DCHANGERS=1 -DRECORDERS=1 -DKILLS=1" "-DSERVICES=1 -DWRITES=1"
holds copy "-DFOLDERS=2 -DCHANGERS=1 -DCOPY_CHANGERS=1 -DCHANGES=ROTATE" "-DCHANGES=7 -DKILLS=1"
holds shared "-DFOLDERS=2 -DCHANGERS=1 -DCOPY_CHANGERS=1 -DCALLERS_ID=1 -DCHANGES=REKEY" "-DCHANGES=7 -DKILLS=1"
holds removal "-DCHANGERS=1 -DREMOVERS=1 -DSERVICES=1 -DWRITES=1 -DCHANGES=ROTATE" "-DCHANGES=7 -DMAKES=1"
holds removal-killed "-DREMOVERS=1 -DSERVICES=1 -DMAKES=1 -DWRITES=1 -DKILLS=1" "-DSERVICES=2"
holds making "-DSTART_EMPTY=1 -DCHANGERS=1 -DMAKES=1 -DSERVICES=1 -DWRITES=1 -DFAULTS=1" "-DSERVICES=2 -DKILLS=1"

two="-DCHANGERS=2 -DKILLS=1"
breaks MUTATION_L1 "-DCHANGERS=1"
breaks MUTATION_L2 "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1"
breaks MUTATION_L2_MAKER "-DSTART_EMPTY=1 -DCHANGERS=1 -DSERVICES=1 -DMAKES=1 -DWRITES=1"
breaks MUTATION_L3 "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1 -DKILLS=1"
breaks MUTATION_STALE "-DCHANGERS=1 -DRECORDERS=1"
breaks MUTATION_L4 "$two -DGOES_ALSO=P3"
breaks MUTATION_L5 "-DCHANGERS=2"
breaks MUTATION_L6 "-DCHANGERS=1 -DOPENS_ALSO=P2 -DOPS=2 -DKILLS=1"
breaks MUTATION_NOT_FOUND "-DCHANGERS=1 -DOPENS_ALSO=P2 -DOPS=2 -DKILLS=1"
breaks MUTATION_L7 "-DFOLDERS=2 -DCHANGERS=1 -DCALLERS_ID=1"
breaks MUTATION_L8 "-DFOLDERS=2 -DCHANGERS=1 -DCOPY_CHANGERS=1"
breaks MUTATION_G "-DFOLDERS=2 -DCOPY_CHANGERS=1"
breaks MUTATION_L9 "-DCHANGERS=1 -DOPENS_WITH=FIRST"
breaks MUTATION_B0 "-DCHANGERS=2 -DOPS=2 -DVALUES=2 -DCHANGES=ROTATE"
breaks MUTATION_C1 "-DCHANGERS=1 -DSERVICES=1 -DREADS=1 -DDIRECT=1"
breaks MUTATION_M3 "$two -DOPS=2"
breaks MUTATION_M5 "-DREMOVERS=1 -DKILLS=1"
breaks MUTATION_LOCK "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1"
breaks MUTATION_LIST "-DCHANGERS=1 -DSERVICES=1 -DWRITES=1 -DVALUES=2 -DFILES=1"
breaks MUTATION_JOURNAL "-DCHANGERS=1"
breaks MUTATION_UNFINISHED "$two -DOPS=2 -DGOES_ALSO=P3"
breaks MUTATION_FIRST_OF "$two -DOPENS_WITH=FIRST -DFIRST_KEY_AT=P1"
breaks MUTATION_REMOVAL_EPOCH "-DREMOVERS=1 -DSERVICES=1 -DWRITES=1"
breaks MUTATION_REMOVE_BESIDE_CHANGE "-DCHANGERS=1 -DREMOVERS=1"
breaks MUTATION_REMOVE_BY_OTHER "-DREMOVERS=1 -DSERVICES=1 -DSERVICE_HAS=P2 -DMAKES=1 -DKILLS=1"
breaks MUTATION_REMOVAL_UNSEEN "-DREMOVERS=1 -DSERVICES=2 -DMAKES=1 -DWRITES=1 -DKILLS=1"
breaks MUTATION_INIT_ERROR "-DSTART_EMPTY=1 -DSERVICES=1 -DMAKES=1 -DFAULTS=1"
# What the page does not promise: the model agrees.
breaks LIMIT_COPY "-DFOLDERS=2 -DCHANGERS=1 -DCOPY_CHANGERS=1 -DCHANGES=ROTATE"
breaks LIMIT_IMAGE "-DFOLDERS=2 -DCOPY_CHANGERS=1"
exit $status
