"""Whisper files on a host, by Graphite's own library.

whispertree.py plant PREFIX METRICS SEED    files with an hour of points each, up to now
whispertree.py add PREFIX METRICS SEED [N]  further points, of the last N minutes (5)
whispertree.py feed PREFIX METRICS SEED     points of now to carbon on this host, each second, until /run/fed is there
whispertree.py points PREFIX                all points, as one JSON object {path: [[timestamp, value], …]}
"""

import json
import os
import socket
import sys
import time

import whisper


def path_of(prefix, number):
    return os.path.join(prefix, "servers", "web%02d" % (number % 7), "cpu%d.wsp" % number)


def minutes(count, number, seed):
    last = int(time.time()) // 60 * 60
    return [(last - 60 * i, seed * 1000.0 + number + i / 100.0) for i in range(count)]


def plant(prefix, metrics, seed):
    for number in range(int(metrics)):
        path = path_of(prefix, number)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        whisper.create(path, [(60, 120), (300, 600)])
        whisper.update_many(path, minutes(60, number, int(seed)))


def add(prefix, metrics, seed, count=5):
    whisper.LOCK = True
    for number in range(int(metrics)):
        path = path_of(prefix, number)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            whisper.create(path, [(60, 120), (300, 600)])
        whisper.update_many(path, minutes(int(count), number, int(seed)))


def feed(prefix, metrics, seed):
    while not os.path.exists("/run/fed"):
        lines = []
        for number in range(int(metrics)):
            name = os.path.relpath(path_of(prefix, number), prefix)[: -len(".wsp")].replace("/", ".")
            [(timestamp, value)] = minutes(1, number, int(seed))
            lines.append("%s %s %d\n" % (name, value, timestamp))
        try:
            with socket.create_connection(("127.0.0.1", 2003), 1) as carbon:
                carbon.sendall("".join(lines).encode())
        except OSError:
            pass  # It has not been started yet.
        time.sleep(1)


def points(prefix):
    found = {}
    for directory, _, names in os.walk(prefix):
        for name in names:
            if name.endswith(".wsp"):
                path = os.path.join(directory, name)
                (start, end, step), values = whisper.fetch(path, time.time() - 7200 + 60)
                known = zip(range(start, end, step), values)
                found[os.path.relpath(path, prefix)] = [[t, v] for t, v in known if v is not None]
    json.dump(found, sys.stdout)


{"plant": plant, "add": add, "feed": feed, "points": points}[sys.argv[1]](*sys.argv[2:])
