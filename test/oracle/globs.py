"""Answers for each JSON line [glob, [names]] of a file which names fnmatch.fnmatchcase matches."""

import fnmatch
import json
import sys
import warnings

# Some sets draw a warning about future versions of `re`, and match all the same.
warnings.simplefilter("ignore")

with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        glob, names = json.loads(line)
        print(json.dumps([fnmatch.fnmatchcase(name, glob) for name in names]))
