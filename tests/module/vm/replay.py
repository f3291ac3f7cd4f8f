# SPDX-License-Identifier: GPL-2.0
"""Scenarios whose writes are recorded and replayed (`# host: replay').

phase1 runs in a guest to its end, while nbdkit (powercut.c) records every write, flush and
mark. build/replay (tests/replay) then cuts the power at many points of that log and judges what
is left on the host; the scenario's function `judge' is asked at some of them. It is
also let loose on disks that lie, which has to be found. A few of the points are
booted: phase2 runs in a guest whose disks hold one after the other.
"""

import os
import shutil
import subprocess
import time

from . import image
from .powercut import Server, folder_of

HOLD = 400          # microseconds, at most, that a request is on its way
LIES = ['flush', 'store-flush', 'origin-flush']    # QEMU makes a flush of FUA
LIE_POINTS = 400    # within which a lie has to be found
POINT_SECONDS = 60  # more for phase2, for each point that it judges


def run_phase(runner, job, server, phase):
    job.output.append(f'== {phase}')
    machine, problem, lines = runner.boot(job, server.drives())
    if machine is None:
        return problem, lines
    try:
        return runner.judge(machine, job, runner.follow(machine, job, phase))
    finally:
        runner.dispose(machine)


def record(runner, job, folder):
    """(problem or None, console lines); the log is folder/log."""
    server = Server(f'{folder}/rec', job.scenario.disks,
                    more=[f'log={folder}/log', f'hold={HOLD}'])
    try:
        problem, lines = run_phase(runner, job, server, 'phase1')
        job.output.append('== ' + server.command('stat'))
        server.command('log')
        return problem, lines
    finally:
        server.stop()
        shutil.rmtree(f'{folder}/rec', ignore_errors=True)


def replay(runner, job, *arguments):
    """What build/replay complains of, or None."""
    build = os.path.abspath(os.environ.get('BUILD', f'{image.TOP}/build'))
    result = subprocess.run([f'{build}/replay', '-s', str(job.seed), *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    lines = result.stdout.splitlines()
    for line in lines:
        job.output.append(f'== {line}')
        runner.show(f'== {line}')
    if result.returncode == 0:
        return None
    return ' '.join(['the replay:', *lines[:1]])


def judge_command(job):
    build = os.path.abspath(os.environ.get('BUILD', f'{image.TOP}/build'))
    return (f'export PATH={build}/helpers:/usr/sbin:/usr/bin:/sbin:/bin T=.; '
            f'dash -euc \'. {image.HERE}/lib.sh; . {job.scenario.path}; '
            'trap "[ \\$? -eq 0 ] || echo \\"FAIL: \\$SMV_LAST\\"" EXIT; judge\'')


def judged(runner, job, folder):
    """What the scenario's judge said last of all, of which the folder goes."""
    with open(f'{folder}/judge/judged') as f:
        lines = f.read().splitlines()
    for line in lines:
        job.output.append(f'== {line}')
        runner.show(f'== {line}')
    return 'the judge of the replay: ' + ' - '.join(lines[-2:])


def judge(runner, job, folder, points):
    arguments = ['-n', str(points[0])]
    if 'judge()' in job.scenario.text:
        os.makedirs(f'{folder}/judge', exist_ok=True)
        every = job.scenario.judge_every
        if runner.options.long:
            every = job.scenario.judge_every_long
        arguments += ['-j', judge_command(job), '-J', every, '-f', f'{folder}/judge']
    if points[1]:
        arguments += ['-e', f'{folder}/points', '-E', str(points[1])]
    problem = replay(runner, job, *arguments, f'{folder}/log')
    if problem and "the judge's words" in problem:
        problem = judged(runner, job, folder)
    for lie in LIES:
        if not problem:
            problem = replay(runner, job, '-n', str(LIE_POINTS), '-l', lie, '-X', f'{folder}/log')
    return problem


def boot_points(runner, job, folder):
    server = Server(f'{folder}/boot', job.scenario.disks, more=[f'points={folder}/points'])
    runner.extra[job] = [(f'smv/points/{n}/{name}', f'{folder}/points/{n}/{name}')
                         for n in os.listdir(f'{folder}/points')
                         for name in ('said', 'expect')]
    job.timeout += POINT_SECONDS * len(os.listdir(f'{folder}/points'))
    try:
        return run_phase(runner, job, server, 'phase2')
    finally:
        server.stop()


def all_of(runner, job, folder):
    points = job.scenario.points_long if runner.options.long else job.scenario.points
    points = [max(1, n * job.scale // 100) if n else 0 for n in points]
    problem, lines = record(runner, job, folder)
    if not problem:
        problem = judge(runner, job, folder, points)
    if not problem and points[1]:
        problem, lines = boot_points(runner, job, folder)
    return problem, lines


def keep(folder, job):
    """The log, for whoever has to understand a failure."""
    kept = f'{image.TOP}/build/vm/log/{job.label}.crashlog'
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    if os.path.exists(f'{folder}/log'):
        shutil.move(f'{folder}/log', kept)
        job.output.append(f'== the log is {kept}')


def run(runner, job):
    start = time.time()
    folder = folder_of(job)
    os.makedirs(folder, exist_ok=True)
    try:
        problem, lines = all_of(runner, job, folder)
        if problem or os.environ.get('SMV_KEEP'):
            keep(folder, job)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    job.seconds = time.time() - start
    runner.report(job, problem, lines)
