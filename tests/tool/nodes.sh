# SPDX-License-Identifier: GPL-2.0-only
# Leaves of the map lost, and nodes above them: repair loses what was in the leaves, and calls lost little more.

TMP_BASE=/dev/shm
. "$(dirname "$0")/lib"

# lose NAME EXTRA LEVEL...: from copies of ./store, by some seeds, nodes of these levels
lose()
{
	name=$1 extra=$2
	shift 2
	for seed in $(seq 1 "${ROUNDS:-2}"); do
		replay="$name: nodes.py destroy store $seed $*"
		cp store bad
		python3 "$HERE/nodes.py" destroy bad "$seed" "$@" >destroyed || fail "$replay"
		must smv repair --json -f ./bad
		mv .out said
		clean_check ./bad
		out smv dump --json ./bad >new
		python3 "$HERE/nodes.py" judge old new said destroyed "$extra" >judged 2>&1 ||
			fail "$replay: $(cat judged)"
		echo "# $replay: $(cat judged)"
	done
}

make_big()	# KEY=VALUE...
{
	must "$TOP/build/bigstore" store size=256M chunk=4K "$@"
	out smv dump --json ./store >old
}

# A tree of three levels: a leaf whose parent is there is known by its name.
t_repair_with_the_root_and_leaves_lost_loses_these_leaves()
{
	make_big origin=8M snapshots=20 exceptions=30000
	lose 'a leaf' 0 0
	lose 'the root and a leaf' 0 root 0
	lose 'the root and four leaves' 0 root 0 0 0 0
	lose 'a node and a leaf' 3 1 0
	lose 'the root, a node and a leaf' 3 root 1 0
	lose 'a node and six leaves' 3 1 0 0 0 0 0 0
	lose 'a node and a leaf below' 0.1 1 below
	lose 'the root, a node and two leaves below' 0.1 root 1 below below
}

# Of many epochs few are read, and no chunk has more exceptions than readers: in a gap that has so many
# epochs there is no room for a leaf.
t_repair_counts_the_epochs_that_are_read_not_those_there_were()
{
	make_big origin=16M snapshots=10 each=40 exceptions=5000
	lose 'the root and a leaf' 0.1 root 0
	lose 'the root and two leaves' 0.1 root 0 0
	lose 'the root and three leaves' 0.1 root 0 0 0
}

# It does not where exceptions without readers are still there: the cleaner has yet to be over them, or, which
# should not be, one was found.
t_repair_counts_all_epochs_where_exceptions_have_no_readers()
{
	make_big origin=16M snapshots=10 each=40 gone=9 redo=0 exceptions=5000
	lose 'the root and a leaf, before a pass' 15 root 0
	must $PLANT store volume 1 flags 1
	out smv dump --json ./store >old
	lose 'the root and a leaf, without readers' 15 root 0
}

# A tree of two levels: a leaf is nowhere where there was no room for it.
t_repair_with_the_root_of_a_small_tree_and_a_leaf_lost_loses_that_leaf()
{
	make_big origin=16M snapshots=4 exceptions=5000
	lose 'the root and a leaf' 0.2 root 0
	lose 'the root and two leaves' 2 root 0 0
}

run_tests "$@"
