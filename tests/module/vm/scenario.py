# SPDX-License-Identifier: GPL-2.0
"""Scenarios: the header lines of tests/module/scenarios/NAME.sh."""

import os
import re

from . import sanitizer
from .image import HERE

KERNELS = ['6.1', '6.12', *sanitizer.KINDS]
MEMORY = 768            # MiB, of a guest that several scenarios share


class Scenario:
    """One script. Its header:

    # kernels: 6.1 6.12      which to run on (default: all)
    # memory: 512M           if more than 768M: guest memory (default 768M)
    # timeout: 120           seconds, of an idle machine (default 120)
    # alone                  needs a boot of its own
    # long                   only in make check-long
    # long-scale: 1000       percent, in make check-long
    # host: powercut         has phase1 and phase2; see README.md
    # rounds: 5              power cuts, at full scale
    # disks: a=64M b=64M     powercut: the disks that the host keeps
    # cuts: none any torn    powercut: what may be lost; default: all ways
    # rig: pretend           powercut: disks that lie about FLUSH and FUA
    # host: replay           is recorded, and replayed; see README.md
    # points: N M            replay: points on the host, of these in a guest; for make check
    # points-long: N M       and for make check-long
    # judge-every: 10        replay: at every such point on the host the judge is asked
    # judge-every-long: 10   and in make check-long
    # images: hostile        the hostile store images in /smv/images: see hostile.py
    # programs: sqlite3      of the host, in its guest, too
    # trees: /usr/share/x    folders of the host, in its guest, too
    # qemu: -device ...      more of QEMU's arguments, for a guest of its own
    # fails: REGEX           a canary: passes if it fails, saying this
    # console: REGEX         a kernel message that is expected
    """

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-3]
        with open(path) as f:
            self.text = f.read()
        head = {}
        for line in self.text.split('\n'):
            if not line.startswith('#'):
                break
            match = re.match(r'# ?([a-z-]+)(?:: *(.*?))? *$', line)
            if match:
                head.setdefault(match[1], []).append(match[2] or '')
        self.kernels = ' '.join(head.get('kernels', KERNELS)).split()
        self.memory = max(MEMORY, megabytes(head.get('memory', ['0'])[0]))
        self.timeout = int(head.get('timeout', ['120'])[0])
        self.alone = 'alone' in head
        self.long = 'long' in head
        self.host = head.get('host', [''])[0]
        self.qemu = ' '.join(head.get('qemu', [])).split()
        if self.host or self.qemu:
            # A sanitizer kernel has no disks from outside.
            self.kernels = [k for k in self.kernels if k not in sanitizer.KINDS]
        self.rounds = int(head.get('rounds', ['4'])[0])
        self.disks = [d.split('=') for d in ' '.join(head.get('disks', [])).split()]
        self.programs = ' '.join(head.get('programs', [])).split()
        self.trees = ' '.join(head.get('trees', [])).split()
        self.images = head.get('images', [''])[0]
        self.fails = head.get('fails', [None])[0]
        self.cuts = ' '.join(head.get('cuts', [])).split()
        self.long_scale = int(head.get('long-scale', ['100'])[0])
        self.points = [int(n) for n in head.get('points', ['60 6'])[0].split()]
        self.points_long = [int(n) for n in head.get('points-long', ['600 20'])[0].split()]
        self.judge_every = head.get('judge-every', ['10'])[0]
        self.judge_every_long = head.get('judge-every-long', [self.judge_every])[0]
        self.rig = ' '.join(head.get('rig', [])).split()
        self.expected = [re.compile(c) for c in head.get('console', [])]
        self.fio = re.search(r'^[^#\n]*\bfio\b', self.text, re.M) is not None


def megabytes(text):
    match = re.match(r'(\d+)([MG]?)', text)
    return int(match[1]) * (1024 if match[2] == 'G' else 1)


def find(names):
    """The scenarios named, by name or path; all of them if none is named."""
    folders = [f'{HERE}/scenarios', f'{HERE}/canaries']
    if not names:
        return [Scenario(f'{folder}/{f}') for folder in folders
                if os.path.isdir(folder) for f in sorted(os.listdir(folder))
                if f.endswith('.sh')]
    found = []
    for name in names:
        paths = [name] if name.endswith('.sh') else [f'{f}/{name}.sh' for f in folders]
        paths = [p for p in paths if os.path.exists(p)]
        if not paths:
            raise SystemExit(f'run: there is no scenario {name}')
        found.append(Scenario(paths[0]))
    return found


# What the kernel says when something is wrong with it, or with a module.
BAD = re.compile(
    r'WARNING:|BUG[: ]|Oops|general protection|Kernel panic|Call Trace:'
    r'|blocked for more than|stall(ed|s) on|self-detected stall|soft lockup'
    r'|possible circular locking|suspicious RCU|inconsistent lock state'
    r'|scheduling while atomic|sleeping function called|refcount_t:'
    r'|list_(add|del) corruption|page allocation failure|kernel BUG at'
    r'|Objects remaining|UBSAN:|KASAN:|KFENCE:|ODEBUG:|unable to handle'
    r'|kmemleak: \d+ new suspected|possible recursive locking|possible irq lock inversion'
    r'|lock held when returning|bad unlock balance|held lock freed|Invalid wait context'
    r'|INFO: trying to register non-static key|DEBUG_LOCKS_WARN_ON|MAX_LOCKDEP|MAX_STACK_TRACE'
    r'|EXT4-fs (error|warning.*error)|XFS .*(Corruption|corruption|Internal error)'
    r'|snap-?mv.*[Aa]ssert|Invalid page|Bad page|double free')
FINE = re.compile(r'Tainted: |loading out-of-tree|module verification failed'
                  r'|DEBUG mode|smv-(begin|end)|not syncing: sysrq')


def complaints(lines, expected):
    """The lines among these of a console that fail a scenario."""
    return [line for line in lines
            if BAD.search(line) and not (FINE.search(line) and 'BUG' not in line)
            and not any(e.search(line) for e in expected)]
