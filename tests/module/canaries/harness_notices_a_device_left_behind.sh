# What a scenario made behind the library's back and left is found.
# fails: left behind: dm devices planted
# kernels: 6.1
# timeout: 20

mkdisk a 16M
dmsetup create planted --table "0 100 linear $a 0"
