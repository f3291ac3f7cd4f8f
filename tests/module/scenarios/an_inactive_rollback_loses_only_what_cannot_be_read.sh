# The tool moves an inactive store's rollback as the module does: of what it cannot read any more on the
# origin only the snapshots that need it lose a chunk, and the origin gets what it should.
# timeout: 40

mkdisk data 8M
mkdisk store 16M
obey data
remember_store "$store"
stamp write "$data" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a
cp o.map a.map
stamp write /dev/mapper/s0-data --tag 2 --from 0 --count 96 --map o.map
# as after a crash: there is no fingerprint
must dmsetup remove s0-data s0

order data fail read 1
smv rollback --wait --undo before -S "$store" data@a
calm data
must stamp check "$data" --map a.map
smv activate "$store"
smv activate data@a data@before
must stamp check /dev/mapper/s0-data@a --map a.map
! stamp check /dev/mapper/s0-data@before --map o.map --from 0 --count 32 >out 2>&1 ||
	fail 'what could not be read was kept'
must stamp check /dev/mapper/s0-data@before --map o.map --from 32 --count 1000

# What is to be moved cannot be read on the store: the rest is moved. It is a rollback that goes on until
# the chunk can be read.
smv snapshot data c
cp a.map c.map
stamp write /dev/mapper/s0-data --tag 3 --from 0 --count 96
smv deactivate s0
at=$(snapmv dump "$store" | sed -n 's/^exception volume=1 chunk=1 .* at=\([0-9]*\) .*/\1/p' | tail -1)
sector=$((at * 32)) end=$((at * 32 + 32))
dm_make hole "0 $sector linear $store 0
$sector 32 error
$end $((32768 - end)) linear $store $end"
mustfail 'are lost or cannot be read' snapmv rollback --wait --no-undo -S /dev/mapper/hole data@c
must stamp check "$data" --map c.map --from 0 --count 32
must stamp check "$data" --map c.map --from 64
dm_remove hole
smv activate "$store"
wait_for 20 is s0-data rolling 0
must stamp check /dev/mapper/s0-data --map c.map

# Nothing of the origin can be read: it is away, and nothing is lost.
smv snapshot data d
cp c.map d.map
stamp write /dev/mapper/s0-data --tag 4 --from 0 --count 96 --map c.map
must dmsetup remove s0-data s0
order data fail read 1 1000000
mustfail 'nothing of the origin can be read' snapmv rollback --wait --undo last -S "$store" data@d
calm data
smv activate "$store"
wait_for 20 is s0-data rolling 0
smv activate data@last
must stamp check /dev/mapper/s0-data --map d.map
must stamp check /dev/mapper/s0-data@last --map c.map
eq "$(field s0 lost)" 0 'chunks lost since it is active'
