# A scenario that does not end is ended.
# fails: no end within
# kernels: 6.1
# timeout: 3

sleep 1000
