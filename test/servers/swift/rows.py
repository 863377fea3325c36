"""Adds rows to the listing of a container of a small Swift, as if empty objects had been put: thousands in a moment.

rows.py DIRECTORY ACCOUNT CONTAINER    with the names as a JSON array on standard input

DIRECTORY is that of startSwift, whose servers may run; the container must be there.
"""
import json
import os
import sys
import time

from swift.common import utils

directory, account, name = sys.argv[1:]
utils.set_swift_dir(os.path.join(directory, 'etc'))

from swift.common.ring import Ring  # noqa: E402
from swift.container.backend import DATADIR, ContainerBroker  # noqa: E402

partition = Ring(os.path.join(directory, 'etc'), ring_name='container').get_part(account, name)
hashed = utils.hash_path(account, name)
path = os.path.join(directory, 'node', 'd1', utils.storage_directory(DATADIR, partition, hashed), hashed + '.db')
ContainerBroker(path, account=account, container=name).merge_items([
    {
        'name': key,
        'created_at': utils.Timestamp(time.time()).internal,
        'size': 0,
        'content_type': 'application/octet-stream',
        'etag': 'd41d8cd98f00b204e9800998ecf8427e',
        'deleted': 0,
        'storage_policy_index': 0,
    }
    for key in json.load(sys.stdin)
])
