# differ finds that the origin's disk loses writes.
# fails: exit 1 from: differ
# kernels: 6.1
# timeout: 60

mkdisk disk 4M
mkdisk store 64M
dm_make origin "0 8192 linear $disk 0"
stamp write /dev/mapper/origin --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" /dev/mapper/origin data
smv activate "$store"
must differ --count 60 --tool 0 s0 data
smv activate data
dm_load origin "0 8192 flakey $disk 0 0 9 1 drop_writes"
must differ --count 1000 --tool 0 s0 data
