# diff of an active store: the chunks that were written between two snapshots, and up to the origin as it
# is now, as text and as JSON; the same once the store is down. In mid-rollback it is refused.
# timeout: 60

mkdisk origin 16M
mkdisk store 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
stamp write $dev --tag 1
smv snapshot data a
stamp write $dev --tag 2 --from 64 --count 64		# chunks 2 and 3
stamp write $dev --tag 2 --from 330 --count 1		# 10
smv snapshot data b
stamp write $dev --tag 3 --from 96 --count 32		# 3
smv snapshot data@a c
smv activate data@c
stamp write $dev@c --tag 4 --from 640 --count 32	# 20
stamp discard $dev@c --tag 0 --from 672 --count 32	# 21
must sync

ranges()	# VOLUME [VOLUME]: CHUNK+CHUNKS:KIND of each range
{
	snapmv diff "$@" >text
	json '.ranges[] | "\(.offset / 16384)+\(.bytes / 16384):\(.kind)"' diff "$@" >ranges
	eq "$(tail -n +2 text | tr -s ' ')" "$(jq -r '.ranges[] | "\(.offset) \(.bytes) \(.kind)"' .json)" \
		'text and JSON'
	tr '\n' ' ' <ranges
}

for state in active inactive; do
	eq "$(ranges data@a data@b)" '2+2:data 10+1:data '
	eq "$(ranges data@b data@a)" '2+2:data 10+1:data '
	eq "$(ranges data@b)" '3+1:data '
	eq "$(ranges data@a)" '2+2:data 10+1:data '
	eq "$(ranges data@a data@c)" '20+1:data 21+1:zero '
	none=$(ranges data@b data@b)
	eq "$none" ''
	mustfail 'no such volume' snapmv diff data@a data@nosuch
	[ $state = inactive ] || smv deactivate s0
done
smv activate "$store"
smv set s0/ throttle=pause
smv rollback data@a
mustfail 'rolled back' snapmv diff data@b
mustfail 'rolled back' snapmv diff data@a data@c
smv set s0/ throttle=0
wait_for 30 is s0 rolling 0
# moved back: written with what it held before
eq "$(ranges data@a)" '2+2:data 10+1:data '
