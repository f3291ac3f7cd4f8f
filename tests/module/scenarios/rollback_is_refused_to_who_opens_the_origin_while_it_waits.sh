# The origin is opened, or mounted, while the rollback command waits for its flush: it is refused as it
# would have been before, by force too if it is mounted, and nothing has changed.
# timeout: 60

mkdisk data 16M cache=4
mkdisk store 32M
obey data
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
dev=/dev/mapper/s0-data
mkfs ext4 $dev
smv snapshot data a
sum=$(sumdev $dev)

# rollback_meanwhile FORCE CMD...: its end is in $status
rollback_meanwhile()
{
	order data hold flush 1
	dmsetup message s0 0 rollback data@a undo 0 "$1" & command=$!
	wait_for 20 holds data
	shift
	"$@"
	calm data
	status=0
	wait $command || status=$?
	eq "$(field s0-data rolling) $(field s0 snapshots)" '0 1' 'rolling, snapshots'
}

open_it()
{
	exec 9<$dev
}

opened()
{
	rollback_meanwhile 0 open_it
	cond $status -ne 0
	exec 9<&-
}

mounted()
{
	rollback_meanwhile 1 mnt $dev fs ro,noload
	cond $status -ne 0
	unmnt fs
}

left_alone()
{
	order data hold flush 1
	snapmv rollback data@a & command=$!
	wait_for 20 holds data
	calm data
	wait $command || fail 'the rollback'
	wait_for 20 is s0-data rolling 0
}

for part in ${SMV_ONLY:-opened mounted left_alone}; do
	say "$part"
	$part
	eq "$(sumdev $dev)" "$sum" 'sum of the origin'
done
fsck $dev
