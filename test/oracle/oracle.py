"""Answers one JSON request a line with what python3-whisper does. Values travel as the hex of their float64, so that
NaN and -0 arrive unchanged; files travel as base64."""

import base64
import importlib.machinery
import importlib.util
import io
import json
import os
import struct
import sys
import tempfile

import whisper


class Clock:
    """Stands in for the time module inside whisper and whisper-fill."""

    def __init__(self):
        self.now = 0

    def time(self):
        return self.now


CLOCK = Clock()
whisper.time = CLOCK


def load_fill():
    loader = importlib.machinery.SourceFileLoader("whisper_fill", "/usr/bin/whisper-fill")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("whisper_fill", loader))
    loader.exec_module(module)
    module.time = CLOCK
    return module


def encode(value):
    return None if value is None else struct.pack("!d", value).hex()


def decode(text):
    return struct.unpack("!d", bytes.fromhex(text))[0]


def create(directory, request):
    path = os.path.join(directory, "created.wsp")
    whisper.create(
        path,
        [tuple(archive) for archive in request["archives"]],
        request["xFilesFactor"],
        request["aggregation"],
    )
    with open(path, "rb") as file:
        return file.read()


def step(file, request):
    op = request["op"]
    if op == "update":
        return whisper.file_update(file, decode(request["value"]), request["timestamp"], request["now"])
    if op == "update_many":
        # whisper.update_many does this before it opens the file.
        points = [(int(t), decode(v)) for t, v in request["points"]]
        points.sort(key=lambda p: p[0], reverse=True)
        return whisper.file_update_many(file, points, request["now"])
    if op == "fetch":
        answer = whisper.file_fetch(
            file, request["from"], request["until"], request["now"], request["archive"]
        )
        if answer is None:
            return None
        (begin, end, seconds), values = answer
        return {"from": begin, "until": end, "step": seconds, "values": [encode(v) for v in values]}
    raise ValueError("unknown step %r" % op)


def script(request):
    with tempfile.TemporaryDirectory() as directory:
        if request.get("file") is None:
            data = create(directory, request)
        else:
            data = base64.b64decode(request["file"])
    file = io.BytesIO(data)
    file.name = "memory.wsp"
    results = []
    for one in request["steps"]:
        try:
            results.append({"ok": step(file, one)})
        except Exception as error:
            results.append({"error": type(error).__name__})
    return {"results": results, "file": base64.b64encode(file.getvalue()).decode()}


def fill(request):
    CLOCK.now = request["now"]
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for name in ("source", "local"):
            path = os.path.join(directory, name + ".wsp")
            with open(path, "wb") as file:
                file.write(base64.b64decode(request[name]))
            paths.append(path)
        load_fill().fill_archives(paths[0], paths[1], CLOCK.now)
        with open(paths[1], "rb") as file:
            return {"file": base64.b64encode(file.read()).decode()}


def aggregate(request):
    known = [decode(v) for v in request["slots"] if v is not None]
    slots = [None if v is None else decode(v) for v in request["slots"]]
    return {"value": encode(whisper.aggregate(request["aggregation"], known, slots))}


read_header = getattr(whisper, "__readHeader")


def is_usable(data, now):
    """Whether the file is whole, and info, fetch and updates that reach every archive work and leave the header alone."""
    file = io.BytesIO(data)
    file.name = "memory.wsp"
    try:
        header = read_header(file)
        archives = header["archives"]
        if len(data) < max([archive["offset"] + archive["size"] for archive in archives]):
            return False
        # Sooner or later an update would overwrite the header.
        if min([archive["offset"] for archive in archives]) < 16 + 12 * len(archives):
            return False
        # Limited, because Whisper returns an empty archive slot by slot.
        for age in (60, archives[0]["retention"], header["maxRetention"]):
            whisper.file_fetch(file, now - min(age, 10000), None, now)
        for archive in archives:
            whisper.file_fetch(file, now - 60, None, now, archive["secondsPerPoint"])
        step, points = archives[0]["secondsPerPoint"], archives[0]["points"]
        for turn in range(3):
            whisper.file_update(file, 1.0, now, now)
            row = [(now - i * step, float(i)) for i in range(points) if now > i * step]
            whisper.file_update_many(file, row, now)
            whisper.file_fetch(file, now - 60, None, now)
            now = min(now + step, 2**32 - 1)
        return read_header(file) == header
    except Exception:
        return False


def usable(request):
    return [is_usable(base64.b64decode(data), request["now"]) for data in request["files"]]


OPERATIONS = {
    "usable": usable,
    "script": script,
    "fill": fill,
    "aggregate": aggregate,
}

for line in sys.stdin:
    message = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[message["op"]](message)}
    except Exception as error:
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
