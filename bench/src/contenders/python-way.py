"""Backs up a Whisper tree the way the Python tool did: reads each file under its lock, compares its SHA-1 with that of the
newest backup, compresses it with gzip at level 9, and stores it beside its SHA-1, in a pool of processes.

    python-way.py TREE STORE PROCESSES
"""

import datetime
import fcntl
import gzip
import hashlib
import io
import multiprocessing
import os
import sys


def back_up(job):
    path, directory = job
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        data = file.read()
    digest = hashlib.sha1(data).hexdigest()
    os.makedirs(directory, exist_ok=True)
    stored = sorted(name for name in os.listdir(directory) if name.endswith(".sha1"))
    if stored:
        with open(os.path.join(directory, stored[-1])) as file:
            if file.read() == digest:
                return
    compressed = io.BytesIO()
    with gzip.GzipFile(fileobj=compressed, mode="wb", compresslevel=9, mtime=0) as out:
        out.write(data)
    stem = os.path.join(directory, datetime.datetime.now(datetime.timezone.utc).isoformat())
    with open(stem + ".wsp.gz", "wb") as file:
        file.write(compressed.getvalue())
    with open(stem + ".sha1", "w") as file:
        file.write(digest)


def jobs(tree, store):
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)
            metric = os.path.relpath(path, tree)[: -len(".wsp")].replace("/", ".")
            yield path, os.path.join(store, metric)


if __name__ == "__main__":
    tree, store, processes = sys.argv[1:]
    with multiprocessing.Pool(int(processes)) as pool:
        for _ in pool.imap_unordered(back_up, jobs(tree, store), chunksize=8):
            pass
