# Five snapshots of a full origin, all six devices overwritten whole in turn, and
# after each all the others verified; then origin and 16 snapshots written and
# verified at the same time; then the same data written to an origin and a
# snapshot in different orders: they diverge, and converge.
# timeout: 120

mkdisk origin 4M
mkdisk store 96M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data 1
smv snapshot data 2
smv snapshot data 3
smv snapshot data 4 data@3 5
smv activate data@1 data@2 data@3 data@4 data@5
node()
{
	[ "$1" != 0 ] && echo $dev@"$1" || echo $dev
}
tags='1 1 1 1 1 1'
for victim in 3 0 5 1 4 2; do
	stamp write "$(node $victim)" --tag $((victim + 20)) --io 40K
	tags=$(echo "$tags" | awk -v v=$victim '{$(v + 1) = v + 20; print}')
	i=0
	for tag in $tags; do
		quiet stamp check "$(node $i)" --tag "$tag"
		i=$((i + 1))
	done
done
say "tags: $tags"
# All differ: six times the whole device.
eq "$(field s0 data)" $((6 * 256)) 'chunks used'
smv deactivate data@1 data@2 data@3 data@4 data@5
smv delete --wait data@1 data@2 data@3 data@4 data@5
eq "$(field s0 data)" 0 'chunks used after the deletes'

# Diverge and converge.
stamp write $dev --tag 1
smv snapshot data a
smv activate data@a
order='5 1 7 3 0 2 6 4'
for piece in $order; do
	stamp write $dev --tag 2 --from $((piece * 1024)) --count 1024 --io 3K
done
must stamp check $dev@a --tag 1
for piece in 0 1 2 3 4 5 6 7; do
	stamp write $dev@a --tag 2 --from $((piece * 1024)) --count 1024 --io 100K
	if [ $piece = 3 ]; then
		cmpdev $dev $dev@a >/dev/null 2>&1 && fail 'equal too early'
	fi
done
must cmpdev $dev $dev@a
smv deactivate data@a
smv delete data@a

n=$(scaled 16 4)
nodes=$dev
i=0
while [ $i -lt "$n" ]; do
	quiet snapmv snapshot data x$i
	quiet snapmv activate data@x$i
	nodes="$nodes $dev@x$i"
	i=$((i + 1))
done
# shellcheck disable=SC2086
must overlap --threads 2 --count 60 $nodes
