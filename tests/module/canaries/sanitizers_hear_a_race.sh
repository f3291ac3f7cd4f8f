# KCSAN: two threads write the same word without a lock.
# kernels: kcsan
# fails: console: .*KCSAN: data-race in

must insmod /smv/smv-canary.ko bug=race
must rmmod smv-canary
