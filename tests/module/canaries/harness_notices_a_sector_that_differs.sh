# cmpdev finds one sector of another disk's that differs.
# fails: exit 1 from: cmpdev
# kernels: 6.1
# timeout: 20

mkdisk a 16M
mkdisk b 16M
stamp write "$a" --tag 1
stamp write "$b" --tag 1
must cmpdev "$a" "$b"
stamp write "$b" --tag 2 --from 7777 --count 1
must cmpdev "$a" "$b"
