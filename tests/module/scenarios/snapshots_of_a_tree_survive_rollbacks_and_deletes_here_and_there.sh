# A tree of a dozen snapshots: built, verified, the origin rolled back here and
# there, inner ones deleted, the rest verified; siblings of one snapshot: one
# written, the others and the parent unchanged, one deleted. A snapshot's checksum
# is constant over reactivations with odd-sized writes to the origin between.
# timeout: 120

mkdisk origin 9M
mkdisk store 128M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1 --map o.map
smv activate "$store"
dev=/dev/mapper/s0-data
tag=1
write_to()	# DEV MAP
{
	tag=$((tag + 1))
	stamp write "$1" --tag $tag --map "$2" --random 60 --sectors 1-50 \
		--chunk 16K --seed $((SMV_SEED * 1000 + tag))
}
of()	# PARENT CHILD: a snapshot of a snapshot, then both are written
{
	quiet snapmv activate data@"$1"
	quiet snapmv snapshot data@"$1" "$2"
	cp "$1".map "$2".map
	write_to $dev@"$1" "$1".map
	quiet snapmv activate data@"$2"
	write_to $dev@"$2" "$2".map
	quiet snapmv deactivate data@"$1" data@"$2"
}
take()	# NAME: of the origin
{
	quiet snapmv snapshot data "$1"
	cp o.map "$1".map
	write_to $dev o.map
}
verify()	# NAME...
{
	for name; do
		snapshot_is s0 data@"$name" "$name".map
	done
	must stamp check $dev --map o.map
}
roll()	# NAME UNDO
{
	quiet snapmv rollback --undo "$2" data@"$1"
	cp o.map "$2".map
	cp "$1".map o.map
	must stamp check $dev --map o.map
	write_to $dev o.map
	wait_for 60 is s0-data rolling 0
}

take a
of a aa
of a ab
of aa aaa
take b
take c
of c ca
of ca caa
of c cb
take d
verify a aa ab aaa b c ca caa cb d
roll aa u1
verify a aa ab aaa b c ca caa cb d u1
take e
quiet snapmv delete data@a data@ca
roll caa u2
verify aa ab aaa b c caa cb d u1 e u2
of e ea
quiet snapmv delete data@aa data@c
roll aaa u3
settle s0
verify ab aaa b caa cb d u1 e ea u2 u3
quiet snapmv delete data@b data@u1
roll u3 u4
verify ab aaa caa cb d e ea u2 u3 u4

# Siblings.
quiet snapmv snapshot data@d x
quiet snapmv snapshot data@d y
cp d.map x.map
cp d.map y.map
quiet snapmv activate data@x
write_to $dev@x x.map
verify d x y
quiet snapmv deactivate data@x
quiet snapmv delete data@y
verify d x

# The checksum.
quiet snapmv activate data@d
sum=$(sumdev $dev@d)
for round in 1 2 3; do
	write_to $dev o.map
	take_down
	quiet snapmv activate "$store" data@d
	write_to $dev o.map
	eq "$(sumdev $dev@d)" "$sum" "checksum in round $round"
done
quiet snapmv deactivate data@d
verify ab aaa caa cb d e ea u2 u3 u4 x
# All of it goes.
for name in ab aaa caa cb d e ea u2 u3 u4 x; do
	quiet snapmv delete data@$name
done
settle s0
eq "$(field s0 data)" 0 'chunks used at the end'
eq "$(field s0 ghosts)" 0 ghosts
remember_store "$store"
