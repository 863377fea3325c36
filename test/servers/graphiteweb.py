"""Answers queries as graphite-web does, by its own code, over a tree of Whisper files.

Reads {"prefix": …, "queries": [{"target": …, "seconds": …}]} and writes for each query a list of its series:
{"name", "tags", "values"}, the values without those that are not there.
"""

import json
import os
import sys
import time
from datetime import datetime, timezone

asked = json.load(sys.stdin)
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"

import graphite.settings as settings  # noqa: E402

settings.WHISPER_DIR = asked["prefix"]
settings.STANDARD_DIRS = [asked["prefix"]]
settings.CARBONLINK_HOSTS = []
settings.REPLICATION_FACTOR = 0
settings.CLUSTER_SERVERS = []
settings.TAGDB = None
for log in ("INFO", "EXCEPTION", "CACHE", "RENDERING"):
    setattr(settings, f"LOG_FILE_{log}", "-")

import django  # noqa: E402

django.setup()

from graphite.render.evaluator import evaluateTarget  # noqa: E402

now = time.time()


def at(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def answer(query):
    context = {
        "startTime": at(now - query["seconds"]),
        "endTime": at(now),
        "now": at(now),
        "tzinfo": timezone.utc,
        "data": [],
        "localOnly": False,
        "template": None,
        "maxDataPoints": None,
        "xFilesFactor": None,
    }
    return [
        {"name": series.name, "tags": dict(series.tags), "values": [value for value in series if value is not None]}
        for series in evaluateTarget(context, query["target"])
    ]


# The log and everything else except the response goes to standard error.
out, sys.stdout = sys.stdout, sys.stderr
json.dump([answer(query) for query in asked["queries"]], out)
