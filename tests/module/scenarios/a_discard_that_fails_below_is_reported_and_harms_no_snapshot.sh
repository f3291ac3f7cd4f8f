# A discard that fails below is reported to whoever sent it, and changes no snapshot: on the fast
# path of an origin, where only some of its chunks may be discarded, in mid-rollback, and of
# a snapshot, where it is a record in the store.
# timeout: 60

dev=/dev/mapper/s0-data
mkdisk below 2M cache=4
mkdisk store 8M cache=4
obey below store
data=$below	# above it another, so that one part fails and another is held
obey data

reported()	# CMD...: it fails, and says so
{
	echo "+ $* (to fail)"
	! "$@" 2>"$T/.err" || fail "reported as done: $*"
	cat "$T/.err"
}

discards()
{
	requests data | cut -d ' ' -f 4
}

# Three runs of four chunks of 32 sectors, and as many between them that stay.
write_runs()	# TAG
{
	for from in 0 256 512; do
		stamp write $dev --tag "$1" --from $from --count 128 --map o.map
	done
}

remember_store "$store"
quiet stamp write "$data" --tag 1 --map o.map --sync
quiet snapmv format -c 16K -l s0 "$store"
quiet snapmv add "$store" "$data" data
quiet snapmv activate "$store"

say 'an origin without snapshots'
order data fail discard 1
reported stamp discard $dev --from 0 --count 64
must stamp check $dev --map o.map
must stamp discard $dev --from 0 --count 64
must stamp check $dev --tag 0 --from 0 --count 64
stamp write $dev --tag 1 --from 0 --count 64

say 'an origin with a snapshot, of which three runs of chunks are preserved'
quiet snapmv snapshot data a
quiet snapmv activate data@a
for nth in 1 2 3; do
	write_runs $((nth + 1))
	before=$(discards)
	order data fail discard $nth
	reported stamp discard $dev
	eq $(($(discards) - before)) 3 'discards that reached the disk'
	for run in 1 2 3; do
		tag=0
		[ $run != $nth ] || tag=$((nth + 1))
		must stamp check $dev --tag $tag --from $((run * 256 - 256)) --count 128
		must stamp check $dev --tag 1 --from $((run * 256 - 128)) --count 128
	done
	must stamp check $dev@a --tag 1
done
calm data

say 'one part has failed when another one ends'
write_runs 5
order data fail discard 1
order below hold discard 1
stamp discard $dev & discard=$!
wait_for 20 holds below
calm below
! wait $discard || fail 'reported as done: one part failed, another ended later'
must stamp check $dev --tag 5 --from 0 --count 128
must stamp check $dev@a --tag 1

say 'in mid-rollback'
write_runs 6
cp o.map u.map
quiet snapmv set s0/ throttle=pause
quiet snapmv rollback --undo u data@a
stamp write $dev --tag 7 --from 32 --count 32	# moved by the write
stamp write $dev --tag 7 --from 160 --count 32	# in place already
order data fail discard 1
before=$(discards)
reported stamp discard $dev
cond $(($(discards) - before)) -ge 1
calm data
quiet snapmv set s0/ throttle=0
wait_for 60 is s0-data rolling 0
must stamp check $dev --tag 7 --or-from 1 --from 32 --count 32
must stamp check $dev --tag 1 --from 0 --count 32
must stamp check $dev --tag 1 --from 64 --count 96
must stamp check $dev --tag 1 --from 192
must stamp check $dev@a --tag 1
snapshot_is s0 data@u u.map

say 'a snapshot, whose record cannot be written'
order store fail write 1 1000000
reported stamp discard $dev@a --from 0 --count 64 --sync
eq "$(field s0 state)" failed 'state of the store'
calm store
quiet snapmv deactivate -f s0/
check_store "$store"
quiet snapmv activate "$store"
quiet snapmv activate data@a
must stamp check $dev@a --tag 1 --from 64
snapshot_is s0 data@u u.map
