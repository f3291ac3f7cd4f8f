# A chain of snapshots with data at each of its links loses those in the middle:
# their exceptions are merged into what is left, and no data is copied.
# timeout: 40

mkdisk origin 16M
mkdisk store 96M
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
of=data
cp o.map map
seed=1
for link in a b c d e; do
	quiet snapmv snapshot "$of" $link
	of=data@$link
	quiet snapmv activate "$of"
	stamp write "/dev/mapper/s0-$of" --tag $((seed + 1)) --map map --random 300 \
		--sectors 8-64 --seed $seed
	cp map $link.map
	seed=$((seed + 1))
done
quiet snapmv deactivate data@a data@b data@c data@d data@e
dmsetup message s0 0 checkpoint
data=$(field s0 data)
ios "$store"
reads=$IO_RS writes=$IO_WS
smv delete data@b data@c data@d
settle s0
wait_for 60 is s0 ghosts 0
ios "$store"
say "$data data chunks before, $(field s0 data) after;" \
	"$((IO_RS - reads)) sectors read, $((IO_WS - writes)) written"
cond "$(field s0 data)" -lt "$data"
cond "$(field s0 data)" -gt $((data / 4))
# Metadata is read and written, but not the data, which are 32 sectors a chunk.
cond $((IO_WS - writes + IO_RS - reads)) -lt $((data * 32 / 2))
snapshot_is s0 data@a a.map
snapshot_is s0 data@e e.map
must stamp check /dev/mapper/s0-data --map o.map
smv delete data@a
settle s0
snapshot_is s0 data@e e.map
