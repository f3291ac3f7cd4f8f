# mustfail fails if the command succeeds.
# fails: not refused: true
# kernels: 6.1
# timeout: 20

mustfail 'anything' true
