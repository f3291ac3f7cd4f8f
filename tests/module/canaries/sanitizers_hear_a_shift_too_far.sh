# UBSAN: a shift by as many bits as there are.
# kernels: uml
# fails: console: .*UBSAN: shift-out-of-bounds

must insmod /smv/smv-canary.ko bug=shift
must rmmod smv-canary
