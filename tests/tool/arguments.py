#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Random arguments for the tool, over image files.

usage: arguments.py SNAPMV FOLDER SEED COUNT

Each command line is made of the tool's own words, odd ones and spoiled ones. Whatever it
says: exit status 0, 1 or 2; with 1 one line on stderr, with 0 none; no control
characters on either; nothing from a sanitizer; an end. Prints the command line of the
first that does not hold, and how it is repeated.
"""

import os
import random
import re
import shlex
import subprocess
import sys

COMMANDS = '''format erase add remove activate deactivate snapshot delete rollback rename list
    status set check dump restore repair diff help'''.split()
OPTIONS = '''-f --force -q --quiet -t -s -S --store -m --memo -c --chunk -l --label -a -r --json
    --wait --no-undo --undo --no-freeze -h --help -V --version -- - -Z --nosuch -fqs --json=x
    --undo= -c4K --chunk=64K -S./store --store=./store --tree --space'''.split()
WORDS = '''./store ./store ./store ./origin ./text ./empty ./folder ./nosuch ./folder/x / . .. /dev/null
    /dev/full data data data@a data@a data@b data@nosuch @a data@ data@a@b data/ s0/ s0/data s0/data@a
    nosuch/data policy=hold policy=drop low-water=10% low-water=101% throttle=pause throttle=-1
    label=s0 label=x/y device=./origin device=./nosuch hold-timeout=1 hold-timeout=x = x= new new2 4K
    64K 1M 3K 0 -1 18446744073709551616 99999999999999999999T %s %n ./out ./dump ''' .split()
ODD = ['', ' ', '\n', '\x1b[2J', 'a' * 70, 'b' * 5000, 'ünï', 'data@' + 'x' * 61, '-' * 40, '*', "'", '"',
       b'\xff\xfe', b'data@\x80', '././././store', '%' * 40]


# Right ones, to be spoiled a little.
RIGHT = [line.split() for line in '''format -f -c 64K -l s0 ./out
erase -f ./out
add ./store ./text new
remove -S ./store data
activate -S ./store data
activate ./store
deactivate s0
snapshot -S ./store -m memo data new data@a new2
delete -S ./store data@b
delete --wait -S ./store data@a data@b
rollback --wait -S ./store data@a
rollback --no-undo -S ./store data@b
rollback --undo keep -S ./store data@b
rename -S ./store data@a other
rename -S ./store data other
list -t -s ./store
list --json -S ./store data
status --json ./store
set ./store policy=hold low-water=20%
set -S ./store data device=./origin
check --json ./store
dump --json ./store
restore -f ./dump ./out
restore ./dump ./store
repair -f ./store
repair --json ./store ./out
diff --json -S ./store data@a data@b
diff -S ./store data@b'''.splitlines()]


def fresh(folder, tool):
    """The files that the arguments name, as they are at the start."""
    for name, size in ('store', 16 << 20), ('origin', 4 << 20), ('empty', 0), ('out', 16 << 20):
        with open(f'{folder}/{name}', 'wb') as f:
            f.truncate(size)
    with open(f'{folder}/text', 'wb') as f:
        f.write(b'some text\n' * 1000)
    os.makedirs(f'{folder}/folder', exist_ok=True)
    for args in (['format', '-l', 's0', './store'], ['add', './store', './origin', 'data'],
                 ['snapshot', '-S', './store', 'data', 'a'],
                 ['snapshot', '-S', './store', 'data@a', 'b']):
        subprocess.run([tool, *args], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with open(f'{folder}/dump', 'wb') as f:
        subprocess.run([tool, 'dump', './store'], cwd=folder, check=True, stdout=f)


def word(rng):
    kind = rng.randrange(20)
    if kind < 5:
        return rng.choice(OPTIONS)
    if kind < 18:
        return rng.choice(WORDS)
    if kind < 19:
        return rng.choice(ODD)
    text = bytearray(rng.choice(WORDS + OPTIONS).encode())
    for _ in range(rng.randrange(1, 3)):
        text[rng.randrange(len(text))] = rng.randrange(1, 256)
    return bytes(text)


def command_line(rng):
    if rng.randrange(3):
        args = list(rng.choice(RIGHT))
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(args))
            args[at:at + rng.randrange(2)] = [word(rng)]
        return args
    args = [rng.choice(COMMANDS)] if rng.randrange(30) else []
    return args + [word(rng) for _ in range(rng.randrange(7))]


def wrong(status, out, err):
    """What does not hold; None: all does."""
    if status not in (0, 1, 2):
        return f'exit status {status}'
    if b'Sanitizer' in err or b'runtime error' in err:
        return 'a sanitizer speaks'
    if re.search(rb'[\x00-\x08\x0b-\x1f\x7f]', out + err):
        return 'control characters'
    if err.count(b'\n') != (1 if status else 0):
        return f'{err.count(10)} lines on stderr with status {status}'
    return None


def quote(args):
    return ' '.join(shlex.quote(a if isinstance(a, str) else os.fsdecode(a)) for a in args)


def main():
    tool, folder, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    statuses = [0, 0, 0]
    for number in range(seed, seed + count):
        rng = random.Random(number)
        if number % 50 == 0 or number == seed:
            fresh(folder, tool)
        args = command_line(rng)
        try:
            done = subprocess.run([tool, *args], cwd=folder, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            why = wrong(done.returncode, done.stdout, done.stderr)
            err = done.stderr
        except subprocess.TimeoutExpired:
            why, err = 'no end', b''
        if why:
            print(f'seed {number}: snapmv {quote(args)}: {why}')
            print(err.decode(errors='backslashreplace')[:1500])
            print(f'replay: tests/tool/arguments.py {tool} FOLDER {number // 50 * 50} '
                  f'{number % 50 + 1}')
            return 1
        statuses[done.returncode] += 1
    print(f'seeds {seed} to {seed + count - 1}: exit status 0, 1, 2: {statuses}')
    return 0


sys.exit(main())
