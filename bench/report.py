#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What bench/run measured, as tables and plots.

usage: bench/report.py FOLDER     (build/bench: reads raw/*, writes table.* and plots)

A figure is the median of the rounds of one boot, with the smallest and the largest. A
ratio is taken within each round, so that what else the machine was doing meets both
sides, and its median is shown.
"""

import csv
import json
import os
import statistics
import subprocess
import sys

LATENCY_NS = 20e6       # of each request in the section `latency' (plan.py)
PEERS = ['linear', 'limit', 'snapshot', 'thin', 'snapmv']
SHOWN = {'linear': 'plain (dm-linear)', 'snapshot': 'dm-snapshot', 'thin': 'dm-thin',
         'snapmv': 'dm-snap-mv', 'limit': 'limit'}


def read(folder):
    rows = []
    for name in sorted(os.listdir(f'{folder}/raw')):
        with open(f'{folder}/raw/{name}') as f:
            for line in f:
                row = {'section': name}
                for word in line.split():
                    key, value = word.split('=', 1)
                    try:
                        row[key] = int(value)
                    except ValueError:
                        try:
                            row[key] = float(value)
                        except ValueError:
                            row[key] = value
                if len(row) > 1:
                    rows.append(row)
    return rows


class Loads:
    """The rows of loads, by what they measured."""

    def __init__(self, rows):
        self.by = {}
        for row in rows:
            if 'work' in row and 'ns' in row:
                self.by.setdefault(self.key(row), {})[row['round']] = row

    @staticmethod
    def key(row):
        return (row['section'], row['kind'], row['chunk'], row['snapshots'], row['work'],
                row['who'])

    def rounds(self, key):
        return self.by.get(key, {})

    def each(self, key, what):
        """Of each round: per operation, unless it is a latency."""
        found = {}
        for number, row in self.rounds(key).items():
            found[number] = (row[what] if what in ('mean', 'p50', 'p90', 'p99', 'p999', 'max')
                             else row[what] / row['ops'])
        return found

    def median(self, key, what):
        values = list(self.each(key, what).values())
        return statistics.median(values) if values else None

    def ratio(self, key, other, what='ns'):
        """(median, least, most) of other's time by this one's: its share of other's rate."""
        mine, theirs = self.each(key, what), self.each(other, what)
        values = [theirs[n] / mine[n] for n in mine if n in theirs and mine[n]]
        return (statistics.median(values), min(values), max(values)) if values else None

    def groups(self):
        """(section, kind, chunk, snapshots), in order."""
        return sorted({k[:4] for k in self.by}, key=lambda g: (g[0], len(g[2]), g[2], g[3]))

    def works(self, group):
        seen = []
        for key in self.by:
            if key[:4] == group and key[4] not in seen:
                seen.append(key[4])
        return seen

    def whos(self, group):
        return [w for w in PEERS if any(k[:4] == group and k[5] == w for k in self.by)]


def number(value, digits=2):
    if value is None:
        return '-'
    if value >= 1000:
        return f'{value:,.0f}'
    return f'{value:.{digits}f}'


def plain_of(loads, group, work, who='linear'):
    """linear's key for the same load; it is run at one number of snapshots only."""
    best = None
    for key in loads.by:
        if (key[0], key[1], key[2], key[4], key[5]) == (*group[:3], work, who):
            if best is None or abs(key[3] - group[3]) < abs(best[3] - group[3]):
                best = key
    return best


def markdown(title, head, rows):
    lines = [f'### {title}', '', '| ' + ' | '.join(head) + ' |',
             '|' + '---|' * len(head)]
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def rate_tables(loads):
    """Shares of the plain device's rate."""
    for group in loads.groups():
        if group[1] != 'ram':
            continue
        whos = [w for w in loads.whos(group) if w != 'linear']
        rows = []
        for work in loads.works(group):
            plain = plain_of(loads, group, work)
            if not plain:
                continue
            row = [work, number(loads.median(plain, 'ns') / 1000)]
            for who in whos:
                ratio = loads.ratio((*group, work, who), plain)
                row.append('-' if not ratio else
                           f'{ratio[0]:.2f} ({ratio[1]:.2f}..{ratio[2]:.2f})')
            rows.append(row)
        yield markdown(f'{group[0]}: share of the plain device\'s rate; {group[2]} chunks, '
                       f'{group[3]} snapshots', ['load', 'plain, us each']
                       + [SHOWN[w] for w in whos], rows)


def absolute_tables(loads, kind, what, unit, by):
    for group in loads.groups():
        if group[1] != kind:
            continue
        whos = loads.whos(group)
        rows = [[work] + [number(v / by) if (v := loads.median((*group, work, who), what))
                          is not None else '-' for who in whos]
                for work in loads.works(group)]
        yield markdown(f'{group[0]}: {unit}; {group[2]} chunks, {group[3]} snapshots',
                       ['load'] + [SHOWN[w] for w in whos], rows)


COUNTS = [('o_r', 'origin reads', 1), ('o_w', 'origin writes', 1), ('s_r', 'store reads', 1),
          ('s_w', 'store writes', 1), ('s_f', 'store flushes', 1), ('o_rs', 'origin KiB read', 2),
          ('o_ws', 'origin KiB written', 2), ('s_rs', 'store KiB read', 2),
          ('s_ws', 'store KiB written', 2), ('commits', 'commits', 1),
          ('commit_blocks', 'journal KiB', 1 / 4)]


def count_tables(loads):
    """Requests and bytes of each operation: where a request takes a time, as on disks."""
    for group in loads.groups():
        if group[1] != 'latency':
            continue
        rows = []
        for work in loads.works(group):
            for who in loads.whos(group):
                key = (*group, work, who)
                if loads.rounds(key):
                    rows.append([work, SHOWN[who]] + [number(loads.median(key, c) / by)
                                                      for c, _, by in COUNTS])
        yield markdown(f'{group[0]}: counts for each operation; {group[2]} chunks, '
                       f'{group[3]} snapshots', ['load', 'device'] + [c[1] for c in COUNTS], rows)


def other_tables(rows):
    by_section = {}
    for row in rows:
        if 'work' not in row or 'ns' not in row:
            by_section.setdefault(row['section'], []).append(row)
    for section, some in by_section.items():
        head = []
        for row in some:
            head += [k for k in row if k not in head and k not in ('section', 'kind')]
        yield markdown(section, head, [[str(row.get(k, '')) for k in head] for row in some])


# ---- what is to be reached ----------------------------------------------------

def section_key(loads, kind, snapshots, work, who, chunk='64K'):
    for key in loads.by:
        if key[1:] == (kind, chunk, snapshots, work, who):
            return key
    return None


def share(loads, kind, work, who, snapshots, other, other_snapshots=1):
    """who's rate by other's, the same load."""
    key = section_key(loads, kind, snapshots, work, who)
    base = section_key(loads, kind, other_snapshots, work, other)
    ratio = key and base and loads.ratio(key, base)
    return ratio[0] if ratio else None


def trips(loads, who):
    key = section_key(loads, 'latency', 1, 'first-up-1', who)
    return loads.median(key, 'p50') / LATENCY_NS if key else None


def counted(loads, what, by):
    for kind in 'latency', 'ram', 'count':
        key = section_key(loads, kind, 1, 'first-random-16', 'snapmv')
        if key:
            return loads.median(key, what) * by
    return None


def tail(loads, work, of, by, by_work=None):
    """A percentile of the section `checkpoint' by another, ours, in the same round."""
    rounds = loads.rounds(section_key(loads, 'checkpoint', 1, work, 'snapmv'))
    others = loads.rounds(section_key(loads, 'checkpoint', 1, by_work or work, 'snapmv'))
    ratios = [rounds[i][of] / others[i][by] for i in rounds if i in others]
    return statistics.median(ratios) if ratios else None


def reach_rows(loads, rows):
    """(what, at least or at most, how much, measured); a ratio is of rates or of instructions."""
    for kind, how in (('ram', 'rate'), ('count', 'instructions')):
        for work, snapshots in (('over-16', 1), ('over-16', 1000), ('read-16', 1),
                                ('read-16', 1000)):
            yield (f'{work}, {snapshots} snapshots, by plain ({how})', '>=', 0.97,
                   share(loads, kind, work, 'snapmv', snapshots, 'linear'))
        work = 'first-random-16'
        yield (f'{work}, by the limit ({how})', '>=', 0.85,
               share(loads, kind, work, 'snapmv', 1, 'limit'))
        for peer in 'snapshot', 'thin':
            yield (f'{work}, by {SHOWN[peer]} ({how})', '>=', 1.5,
                   share(loads, kind, work, 'snapmv', 1, peer))
        yield (f'{work}, 1000 snapshots by 1 ({how})', '>=', 0.97,
               share(loads, kind, work, 'snapmv', 1000, 'snapmv'))
        yield (f'{work}, 8 snapshots, by dm-snapshot ({how})', '>=', 8,
               share(loads, kind, work, 'snapmv', 8, 'snapshot', 8))
        for work in 'snap-kept-16', 'snap-place-16':
            yield (f'{work}, by plain ({how})', '>=', 0.95,
                   share(loads, kind, work, 'snapmv', 1, 'linear'))
        yield (f'snap-whole-16, by plain ({how})', '>=', 0.9,
               share(loads, kind, 'snap-whole-16', 'snapmv', 1, 'linear'))
        yield (f'snap-whole-16, by dm-thin ({how})', '>=', 1.2,
               share(loads, kind, 'snap-whole-16', 'snapmv', 1, 'thin'))
    yield ('serial round trips of a first write, by dm-snapshot\'s', '<=',
           trips(loads, 'snapshot'), trips(loads, 'snapmv'))
    yield 'commit writes a first write, queue depth 16', '<=', 0.15, counted(loads, 'commits', 1)
    yield ('journal KiB a first write, queue depth 16', '<=', 1,
           counted(loads, 'commit_blocks', 4))
    yield ("first writes' 99.9th percentile by their median, with checkpoints", '<=', 2,
           tail(loads, 'first-beside-checkpoints', 'p999', 'p50'))
    yield ("overwrites' 99.9th percentile, with checkpoints by without", '<=', 1.05,
           tail(loads, 'over-beside-checkpoints', 'p999', 'p999', 'over-beside-others'))
    for row in rows:
        if row.get('kind') == 'amplification' and (row['what'], row['chunk']) == ('made', '64K'):
            yield (f'write amplification, {row["writes"]:,} random first writes', '<=', 0.05,
                   row['amplification'])
    for row in rows:
        if row.get('kind') == 'commands' and row['who'] == 'snapmv' and row['what'] in (
                'create', 'delete'):
            yield (f'{row["what"]} at {row["snapshots"]} snapshots, ms', '<=', 10,
                   row['p50'] / 1e6)


def reach_table(loads, rows):
    table = []
    for what, sign, least, got in reach_rows(loads, rows):
        if got is None or least is None:
            continue
        reached = got >= least if sign == '>=' else got <= least
        table.append([what, f'{sign} {least:.3g}', f'{got:.3g}', 'yes' if reached else '**no**'])
    return markdown('What is to be reached', ['what', 'wanted', 'measured', 'reached'], table)


# ---- plots ------------------------------------------------------------------

STYLE = '''set grid ytics lc rgb "#dddddd"
set key top right
set border 3
set tics nomirror
'''
COLOURS = {'linear': '#888888', 'limit': '#bbbbbb', 'snapshot': '#d95f02', 'thin': '#7570b3',
           'snapmv': '#1b9e77'}


def plot(folder, name, text):
    with open(f'{folder}/{name}.gp', 'w') as f:
        f.write(STYLE + text)
    for kind, terminal in (('svg', 'svg size 900,480 dynamic'), ('png', 'png size 900,480')):
        subprocess.run(['gnuplot', '-e', f'set term {terminal}; '
                        f'set output "{folder}/{name}.{kind}"', f'{folder}/{name}.gp'], check=True)


def plot_snapshots(loads, folder):
    """The rate of first writes against the number of snapshots."""
    work = 'first-random-16'
    text, curves = '', []
    for who in ('snapshot', 'thin', 'snapmv'):
        points = sorted((k[3], loads.median(k, 'ns')) for k in loads.by
                        if k[1:3] == ('ram', '64K') and k[4:] == (work, who))
        if points:
            text += f'${who} << E\n' + '\n'.join(f'{n} {1e9 / t}' for n, t in points) + '\nE\n'
            curves.append(f'${who} with linespoints lw 2 pt 7 lc rgb "{COLOURS[who]}" '
                          f'title "{SHOWN[who]}"')
    if curves:
        plot(folder, 'snapshots', text + 'set logscale x\nset yrange [0:*]\n'
             'set title "First writes of 4 KiB, 64 KiB chunks, queue depth 16, on disks of memory"\n'
             'set xlabel "snapshots"\nset ylabel "writes a second (emulated CPU)"\n'
             'plot ' + ', '.join(curves) + '\n')


def plot_bars(loads, folder, name, title, label, kind, value):
    """Bars of each contender for each load, at one snapshot and 64 KiB chunks."""
    groups = [g for g in loads.groups() if g[1:] == (kind, '64K', 1)]
    if not groups:
        return
    group = groups[0]
    whos = [w for w in loads.whos(group) if w not in ('limit',)]
    lines = []
    for work in loads.works(group):
        values = [value(group, work, who) for who in whos]
        if any(v is not None for v in values):
            lines.append(f'"{work}" ' + ' '.join('NaN' if v is None else f'{v}' for v in values))
    if not lines:
        return
    curves = ', '.join(f'$d using {i + 2}:xtic(1) lc rgb "{COLOURS[w]}" title "{SHOWN[w]}"'
                       for i, w in enumerate(whos))
    plot(folder, name, '$d << E\n' + '\n'.join(lines) + '\nE\n'
         'set style data histograms\nset style fill solid 0.9\nset boxwidth 0.9\n'
         f'set title "{title}"\nset ylabel "{label}"\nset xtics rotate by -40 noenhanced\n'
         f'set yrange [0:*]\nplot {curves}\n')


def plot_amplification(rows, folder):
    parts = [r for r in rows if r['section'] == 'amplification' and r.get('chunk') == '64K'
             and r['what'] in ('part', 'made')]
    if len(parts) < 2:
        return
    lines = '\n'.join(f'{r["writes"] / 1e6} {100 * r["amplification"]} {100 * r["journal"]}'
                      for r in parts)
    plot(folder, 'amplification', f'$d << E\n{lines}\nE\nset yrange [0:*]\nset key left\n'
         'set title "Metadata written, as a share of the data copied (64 KiB chunks, random)"\n'
         'set xlabel "million first writes"\nset ylabel "per cent"\n'
         'plot $d using 1:2 with linespoints lw 2 pt 7 lc rgb "#1b9e77" title "all metadata", '
         '$d using 1:3 with lines lw 2 lc rgb "#888888" title "of it journal"\n')


def plots(loads, rows, folder):
    plot_snapshots(loads, folder)
    plot_bars(loads, folder, 'rates', 'Share of the plain device (64 KiB chunks, 1 snapshot)',
              'share of the rate', 'ram', lambda g, work, who: (
                  lambda r: r and r[0])(loads.ratio((*g, work, who), plain_of(loads, g, work))
                                        if plain_of(loads, g, work) else None))
    plot_bars(loads, folder, 'round-trips', 'Serial round trips (64 KiB chunks, 1 snapshot)',
              'latency of the operation by that of a request', 'latency',
              lambda g, work, who: (lambda v: v and v / LATENCY_NS)(
                  loads.median((*g, work, who), 'p50')) if work.endswith('-1') else None)
    plot_bars(loads, folder, 'instructions', 'Instructions of an operation (1 CPU, with the load)',
              'thousands', 'count',
              lambda g, work, who: (lambda v: v and v / 1000)(
                  loads.median((*g, work, who), 'ns')))
    plot_amplification(rows, folder)


def main():
    folder = sys.argv[1]
    rows = read(folder)
    loads = Loads(rows)
    tables = [reach_table(loads, rows), *rate_tables(loads),
              *absolute_tables(loads, 'latency', 'p50', 'serial round trips (median latency by '
                               'that of a request)', LATENCY_NS),
              *absolute_tables(loads, 'count', 'ns', 'thousands of instructions', 1000),
              *count_tables(loads), *other_tables(rows)]
    with open(f'{folder}/table.md', 'w') as f:
        f.write('\n'.join(tables))
    with open(f'{folder}/table.json', 'w') as f:
        json.dump(rows, f, indent=1)
    keys = []
    for row in rows:
        keys += [k for k in row if k not in keys]
    with open(f'{folder}/table.csv', 'w', newline='') as f:
        writer = csv.DictWriter(f, keys)
        writer.writeheader()
        writer.writerows(rows)
    plots(loads, rows, folder)
    print(f'bench: {folder}/table.md, .csv, .json and the plots')


if __name__ == '__main__':
    main()
