"""Answers for each JSON line [glob, [names]] which names fnmatch.fnmatchcase matches."""

import fnmatch
import json
import sys
import warnings

# Some sets draw a warning about future versions of `re`, and match all the same.
warnings.simplefilter("ignore")

for line in sys.stdin:
    glob, names = json.loads(line)
    print(json.dumps([fnmatch.fnmatchcase(name, glob) for name in names]))
