"""Writes points into Whisper files as carbon does with WHISPER_LOCK_WRITES, and prints the time of each update in
milliseconds, as one line of JSON. Started by writer.ts.

Usage: writer.py DIRECTORY SECONDS UPDATES_PER_SECOND, where 0 means as fast as possible."""

import fcntl
import json
import os
import sys
import time

import whisper

directory, seconds, rate = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
whisper.LOCK = True
waits = []
real_flock = fcntl.flock


def timed_flock(*arguments):
    start = time.perf_counter()
    real_flock(*arguments)
    waits.append(time.perf_counter() - start)


whisper.fcntl.flock = timed_flock
files = sorted(
    os.path.join(parent, name) for parent, _, names in os.walk(directory) for name in names if name.endswith(".wsp")
)
updates = []
begin = time.perf_counter()
while True:
    due = begin + len(updates) / rate if rate > 0 else 0
    now = time.perf_counter()
    if now >= begin + seconds:
        break
    if due > now:
        time.sleep(due - now)
    start = time.perf_counter()
    whisper.update(files[len(updates) % len(files)], 42.0)
    updates.append(time.perf_counter() - start)
print(json.dumps({"updates": [u * 1000 for u in updates], "waits": [w * 1000 for w in waits]}))
