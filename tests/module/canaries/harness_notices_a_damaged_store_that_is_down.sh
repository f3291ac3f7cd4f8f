# The teardown checks a store that is down, on a device of dm_make's, too.
# fails: the teardown
# kernels: 6.1
# timeout: 30

mkdisk disk 16M
dm_make store "0 32768 linear $disk 0"
smv format /dev/mapper/store
run dd if=/dev/urandom of=/dev/mapper/store bs=4k seek=4 count=20 oflag=direct status=none
