"""Updates Whisper files with their locks held, one after another, as fast as it can.

It writes the numbers from 0 to COUNT - 1, and begins anew, a round after the other. Number n of file f has the timestamp
BASE + n, and in round r the value (r * 1000 + f) * 10**5 + n, so all that it ever writes is known; every seventh number is
left out, for a backfill to fill. Time is that of the numbers: the clock's is not used.

Usage: writer.py DIRECTORY FILES BASE COUNT

Each line of its input names a phase, to which updates count from then on. At the end of its input it prints one line of
JSON: the last round and number of each file, and of each phase the updates, how long the slowest and the median took, and
how long it waited for the slowest lock, in milliseconds."""

import fcntl
import json
import os
import select
import statistics
import sys
import time

import whisper

directory, files, base, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
whisper.LOCK = True
waits = []
real_flock = fcntl.flock


def timed_flock(*arguments):
    start = time.perf_counter()
    real_flock(*arguments)
    waits.append(time.perf_counter() - start)


whisper.fcntl.flock = timed_flock

paths = [os.path.join(directory, "live", f"m{f}.wsp") for f in range(files)]
os.makedirs(os.path.dirname(paths[0]))
for path in paths:
    whisper.create(path, [(1, 14400), (10, 2160), (60, 720)], xFilesFactor=0, aggregationMethod="sum")
last = [None] * files
times = []
phases = {}
phase = "start"


def close_phase():
    if times:
        phases[phase] = {
            "updates": len(times),
            "slowest": max(times) * 1000,
            "median": statistics.median(times) * 1000,
            "longestWait": max(waits) * 1000,
        }
    times.clear()
    waits.clear()


print("writing", flush=True)
written = 0
while True:
    round, number = divmod(written, count)
    if select.select([sys.stdin], [], [], 0)[0]:
        line = sys.stdin.readline()
        close_phase()
        if not line:
            break
        phase = line.strip()
    if number % 7 != 3:
        for f, path in enumerate(paths):
            start = time.perf_counter()
            whisper.update(path, (round * 1000 + f) * 10**5 + number, base + number, now=base + number)
            times.append(time.perf_counter() - start)
            last[f] = [round, number]
    written += 1
print(json.dumps({"last": last, "phases": phases}), flush=True)
