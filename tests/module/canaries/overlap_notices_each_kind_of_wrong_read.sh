# overlap finds writes that a disk has lost, those that land in another place, and another device's.
# fails: exit 1 from: overlap .*/dev/mapper/x /dev/mapper/y
# kernels: 6.1
# timeout: 60

mkdisk a 8M
stamp write "$a" --tag 1
must overlap --threads 2 --count 200 "$a"
dm_make lossy "0 8192 flakey $a 0 0 9 1 drop_writes"
mustfail 'holds what was there before a write' overlap --threads 1 --seed 2 /dev/mapper/lossy
dm_make twice "0 4096 linear $a 0
4096 4096 linear $a 0"
mustfail 'holds a write to another sector' overlap --threads 1 --seed 3 /dev/mapper/twice
dm_make x "0 8192 linear $a 0"
dm_make y "0 8192 linear $a 0"
must overlap --threads 1 --seed 4 /dev/mapper/x /dev/mapper/y
