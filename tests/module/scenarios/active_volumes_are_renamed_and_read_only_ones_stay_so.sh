# Renaming a snapshot, an origin, a store renames their active devices; a name that is taken
# is refused and nothing is renamed. A volume activated read-only cannot be written.
# timeout: 240

mkdisk origin 32M
mkdisk other 8M
mkdisk store 64M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv add "$store" "$other" more
smv activate "$store"
smv snapshot data a data@a b 2>/dev/null || smv snapshot data a
smv snapshot data c
eq "$(snapmv activate data@a)" /dev/mapper/s0-data@a
eq "$(snapmv activate data@a)" /dev/mapper/s0-data@a 'activated again'

smv rename data@a first
must test -b /dev/mapper/s0-data@first
must test ! -e /dev/mapper/s0-data@a
mustfail 'already' snapmv rename data@c first
mustfail 'already' snapmv rename data more

# a device-mapper name that something else has taken
run dmsetup create s0-new --table '0 8 zero'
mustfail 's0-new is taken' snapmv rename data new
must test -b /dev/mapper/s0-data
eq "$(snapmv list -q data | head -n 1)" data
run dmsetup remove s0-new

smv rename data new
must test -b /dev/mapper/s0-new
must test -b /dev/mapper/s0-new@first
must test ! -e /dev/mapper/s0-data
run dd if=/dev/urandom of=/dev/mapper/s0-new bs=64k count=8 oflag=direct status=none

run dmsetup create vault --table '0 8 zero'
mustfail 'vault is taken' snapmv set s0/ label=vault
run dmsetup remove vault
smv set s0/ label=vault
must test -b /dev/mapper/vault
must test -b /dev/mapper/vault-new@first
must test -b /dev/mapper/vault-more
must test ! -e /dev/mapper/s0
eq "$(json '.stores[0].label' status)" vault
mustfail 'no store labelled s0' snapmv status s0/
smv deactivate vault
eq "$(dmsetup ls | grep -c vault)" 0 'devices left'
smv activate "$store"
must test -b /dev/mapper/vault-new

eq "$(snapmv activate -r new@first)" /dev/mapper/vault-new@first
mustfail 'Operation not permitted|Read-only' sh -c 'dd if=/dev/zero of=/dev/mapper/vault-new@first bs=4k count=1 oflag=direct status=none 2>&1 | head -n 1 >&2; exit 1'
eq "$(blockdev --getro /dev/mapper/vault-new@first)" 1 read-only
run dd if=/dev/mapper/vault-new@first of=/dev/null bs=1M status=none
# Of an active store: both snapshots need the 512K, then one has them alone.
space='.stores[0].volumes[0] | "\(.own_bytes) \(.shared_bytes)"'
eq "$(json "$space" list -s new@first)" '0 524288' 'own and shared space'
eq "$(snapmv list -q | tr '\n' ' ')" 'new more new@first new@c '
smv delete new@c
eq "$(json "$space" list -s new@first)" '524288 0' 'own and shared space'
smv deactivate new@first
mustfail 'not active' snapmv deactivate new@first
smv deactivate vault
