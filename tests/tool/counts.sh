# SPDX-License-Identifier: GPL-2.0-only
# Own and shared space are what the dump says, by a second implementation of the rule.

TMP_BASE=/dev/shm
. "$(dirname "$0")/lib"

t_own_and_shared_are_those_derived_from_the_dump()
{
	for seed in ${SEEDS:-1 2 3 4 5 6}; do
		rm -f store origin
		make_store
		must python3 "$HERE/history.py" "$SNAPMV" "$STOREIO" "$seed"
		out smv dump --json ./store >dump
		out smv list -s --json ./store >list
		python3 "$HERE/counts.py" dump list >said 2>&1 || fail "history $seed: $(cat said)"
		[ "$(cat said)" -ge 3 ] || fail "history $seed has $(cat said) snapshots"
		clean_check
	done
}

run_tests "$@"
