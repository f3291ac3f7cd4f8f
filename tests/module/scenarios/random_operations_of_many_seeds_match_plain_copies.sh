# The differential test again, longer, with other seeds, chunk sizes and limits.
# long
# timeout: 900

one_history()	# CHUNK SECTORS-OF-A SECTORS-OF-B DIFFER-OPTION...
{
	mkdisk a "$2"s
	mkdisk b "$3"s
	mkdisk store 384M
	stamp write "$a" --tag 1
	stamp write "$b" --tag 2
	smv format -c "$1" -l s0 "$store"
	smv add "$store" "$a" a
	smv add "$store" "$b" b
	smv activate "$store"
	shift 3
	must differ "$@" s0 a b
	smv deactivate s0
	check_store "$store"
	forget_store "$store"
	for disk in "$a" "$b" "$store"; do
		rmdisk "$disk"
	done
}

round=0
while [ $round -lt "$(scaled 8 2)" ]; do
	round=$((round + 1))
	case $((round % 4)) in
	0)	chunk=4K limit=6 tool=0 ;;
	1)	chunk=16K limit=12 tool=2 ;;
	2)	chunk=64K limit=20 tool=1 ;;
	3)	chunk=8K limit=3 tool=10 ;;
	esac
	one_history $chunk $((round * 311 + 1600)) $((round * 97 + 900)) \
		--seed $((SMV_SEED * 100 + round)) --count "$(scaled 6000 600)" \
		--tool $tool --limit $limit
done

# Ends with an origin down whose rollback is not done (it goes on when the origin is up).
one_history 8K 3204 3213 --seed 44 --count 400
