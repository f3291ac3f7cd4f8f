# recycle finds a chunk that two devices have.
# fails: exit 1 from: recycle .*/dev/mapper/y
# kernels: 6.1
# timeout: 30

mkdisk a 8M
mkdisk b 8M
must recycle --time 1 "$a" "$b"
dm_make x "0 8192 linear $a 0"
dm_make y "0 8192 linear $a 0"
must recycle --time 20 /dev/mapper/x /dev/mapper/y
