# stamp finds one wrong sector among many.
# fails: exit 1 from: stamp check
# kernels: 6.1
# timeout: 20

mkdisk a 16M
stamp write "$a" --tag 1
dd if=/dev/zero of="$a" bs=512 seek=7777 count=1 oflag=direct status=none
must stamp check "$a" --tag 1
