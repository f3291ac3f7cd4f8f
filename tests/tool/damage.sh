# SPDX-License-Identifier: GPL-2.0-only
# Random damage: 512 random bytes of the metadata destroyed, repaired, checked, again and again; and that
# every kind of damage there is has its tests.

TMP_BASE=/dev/shm
. "$(dirname "$0")/lib"

# Damages, checks, repairs and judges copies of a store with a history.
rounds()	# KIND BYTES SEED...
{
	kind=$1 bytes=$2 healed=0 refusals=0
	shift 2
	make_store
	must python3 "$HERE/history.py" "$SNAPMV" "$STOREIO" 11
	cp store was
	out smv dump --json ./was >old
	for seed; do
		replay="damage.py $kind store $seed $bytes"
		cp was store
		must python3 "$HERE/damage.py" "$kind" store "$seed" "$bytes"
		cp store bad
		if smv repair -f ./store >said 2>err; then
			smv check ./store >checked 2>&1 || fail "$replay: $(head -n 1 checked)"
			out smv dump --json ./store >new
			python3 "$HERE/damage.py" judge old new >judged 2>&1 ||
				fail "$replay: $(cat judged)"
			[ ! -s judged ] || ! grep -q '; 0 losses$' said || fail "$replay: $(cat judged), and not said"
			if out smv list -q ./store | grep -qx data; then
				must smv snapshot -S ./store data fresh
			else
				refused 1 'no such volume' smv snapshot -S ./store data fresh
			fi
			clean_check
			healed=$((healed + 1))
		else
			grep -Eq 'cannot be repaired|holds no store' err || fail "$replay: $(cat err)"
			cmp -s store bad || fail "$replay: refused, but changed"
			refusals=$((refusals + 1))
		fi
	done
	echo "# $kind: $healed healed, $refusals refused"
	[ $healed -gt 0 ] || fail 'none was healed'
}

t_512_random_bytes_damaged_are_repaired_or_refused()
{
	# shellcheck disable=SC2046
	rounds anywhere 512 $(seq 1 "${ROUNDS:-6}")
}

t_a_few_random_bytes_damaged_are_repaired_or_refused()
{
	# shellcheck disable=SC2046
	rounds bytes 3 $(seq 1 "${ROUNDS:-8}")
}

t_512_bytes_in_a_row_damaged_are_repaired_or_refused()
{
	# shellcheck disable=SC2046
	rounds run 512 $(seq 1 "${ROUNDS:-10}")
}

# The table of damages, and the tests: each kind is planted, named by check, and healed or
# refused by repair. A block that cannot be read needs a device that fails: a scenario.
t_every_kind_of_damage_is_planted_named_and_repaired_in_a_test()
{
	kinds=$(sed -n 's/^.*X([A-Z_]*, "\([a-z-]*\)".*/\1/p' "$TOP/inspect/damage.h")
	eq "$(echo "$kinds" | wc -l)" "$(grep -c '^	X(' "$TOP/inspect/damage.h")" 'rows'
	scenario=$TOP/tests/module/scenarios/unreadable_metadata_is_named_and_repaired_elsewhere.sh
	for kind in $kinds; do
		[ "$kind" != read ] || {
			grep -q '\^read: ' "$scenario" || fail "$kind: no scenario"
			continue
		}
		grep -Eq "found $kind( |\$)|\^$kind: " "$HERE/check.sh" ||
			fail "$kind: check.sh does not plant it"
		grep -Eq "^	(heals|refuses|damaged) $kind( |\$)" "$HERE/repair.sh" ||
			fail "$kind: repair.sh does not plant it"
	done
	for kind in $(sed -n 's/^	\(heals\|refuses\|damaged\) \([a-z-]*\).*/\2/p' "$HERE/repair.sh"); do
		echo "$kinds" | grep -qx -e "$kind" || fail "$kind: there is no such kind"
	done
}

run_tests "$@"
