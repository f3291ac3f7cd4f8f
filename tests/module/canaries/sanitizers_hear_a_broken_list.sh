# A list whose neighbours do not know each other.
# kernels: uml
# fails: console: .*list_del corruption

must insmod /smv/smv-canary.ko bug=list
must rmmod smv-canary
