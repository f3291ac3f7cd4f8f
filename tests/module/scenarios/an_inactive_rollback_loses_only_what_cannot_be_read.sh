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

order data fail read 1 1000
smv rollback --wait --undo before -S "$store" data@a
calm data
must stamp check "$data" --map a.map
smv activate "$store"
smv activate data@a data@before
must stamp check /dev/mapper/s0-data@a --map a.map
! stamp check /dev/mapper/s0-data@before --map o.map --from 0 --count 96 >out 2>&1 ||
	fail 'what could not be read was kept'
must stamp check /dev/mapper/s0-data@before --map o.map --from 96 --count 1000
