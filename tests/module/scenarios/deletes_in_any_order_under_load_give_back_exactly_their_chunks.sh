# Snapshots of an origin, of snapshots and of their snapshots, deleted in random
# order (the oldest, the newest, middle ones, parents with live children) while
# the origin is written and read: those left are unchanged to the byte, and at
# the end the chunks in use are what they were, to the chunk.
# timeout: 150

n=$(scaled 7 4)
mkdisk origin 16M
mkdisk store 256M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data keep
cp o.map keep.map
stamp write $dev --tag 2 --map o.map
eq "$(field s0 data)" 1024 'chunks used'

names=
i=1
while [ $i -le "$n" ]; do
	stamp write $dev --tag $((10 + i)) --map o.map --random 80 \
		--sectors 1-40 --chunk 16K --seed $((SMV_SEED * 100 + i))
	quiet snapmv snapshot data s$i
	cp o.map s$i.map
	names="$names s$i"
	if [ $((i % 2)) -eq 1 ]; then
		# A snapshot of it, it goes on, a snapshot of that one, too.
		quiet snapmv activate data@s$i
		stamp write $dev@s$i --tag $((100 + i)) --map s$i.map \
			--random 50 --sectors 1-64 --chunk 16K --seed $i
		quiet snapmv snapshot data@s$i t$i
		quiet snapmv snapshot data@s$i e$i
		cp s$i.map t$i.map
		cp s$i.map e$i.map
		stamp write $dev@s$i --tag $((200 + i)) --map s$i.map \
			--random 50 --sectors 1-64 --chunk 16K --seed $((i + 1))
		quiet snapmv activate data@t$i
		stamp write $dev@t$i --tag $((300 + i)) --map t$i.map \
			--random 40 --sectors 1-64 --chunk 16K --seed $((i + 2))
		quiet snapmv snapshot data@t$i u$i
		cp t$i.map u$i.map
		stamp write $dev@t$i --tag $((400 + i)) --map t$i.map \
			--random 40 --sectors 1-64 --chunk 16K --seed $((i + 3))
		quiet snapmv deactivate data@s$i data@t$i
		names="$names t$i e$i u$i"
	fi
	i=$((i + 1))
done
say "built:$names"
eq "$(field s0 dropped)" 0 dropped

nice -n 15 overlap --time 1000000 --threads 2 $dev >overlap.out 2>&1 & load=$!
count=0
while [ -n "$names" ]; do
	# One at random, and when it is gone, a look at another.
	set -- $names
	rnd pick $#
	shift $pick
	victim=$1
	names=$(echo " $names " | sed "s/ $victim / /; s/^ *//; s/ *$//")
	smv delete data@"$victim"
	count=$((count + 1))
	[ -n "$names" ] || break
	set -- $names
	rnd pick $#
	shift $pick
	snapshot_is s0 data@"$1" "$1".map
done
kill -0 $load || { cat overlap.out; fail 'the load has ended'; }
kill $load
wait $load || :
[ ! -s overlap.out ] || { cat overlap.out; fail 'overlap found something'; }
settle s0
say "$count deleted"
eq "$(field s0 data)" 1024 'chunks used'
eq "$(field s0 exceptions)" 1024 exceptions
eq "$(field s0 ghosts)" 0 ghosts
snapshot_is s0 data@keep keep.map
smv delete --wait data@keep
eq "$(field s0 data)" 0 'chunks used at the end'
eq "$(field s0 exceptions)" 0 'exceptions at the end'
