"""Fills a container of a small Swift with listing rows, without uploading: what a bucket of millions looks like to list.

preload.py DIRECTORY CONTAINER METRICS BACKUPS SHA1 [PER_DIRECTORY]

DIRECTORY is that of startSwift, whose servers may run; the container must be there. Metric i is called
`servers.host<i / PER_DIRECTORY>.metric<i % PER_DIRECTORY>` (500 a directory), and has BACKUPS backups, a day apart, of a
file with that SHA-1. Says how many rows there are now. The objects have no bodies.
"""
import os
import sys
import time

from swift.common import utils

directory, name, metrics, backups, sha1 = sys.argv[1:6]
per_directory = int(sys.argv[6]) if len(sys.argv) > 6 else 500
utils.set_swift_dir(os.path.join(directory, 'etc'))

from swift.common.ring import Ring  # noqa: E402
from swift.container.backend import DATADIR, ContainerBroker  # noqa: E402

account = 'AUTH_test'
partition = Ring(os.path.join(directory, 'etc'), ring_name='container').get_part(account, name)
hashed = utils.hash_path(account, name)
path = os.path.join(directory, 'node', 'd1', utils.storage_directory(DATADIR, partition, hashed), hashed + '.db')
broker = ContainerBroker(path, account=account, container=name)

# Rows that are lost in a power cut are no loss here.
with broker.get() as connection:
    connection.execute('PRAGMA synchronous = OFF')

DAY = 86400
NEWEST = 1795316400  # 2026-11-22T03:00:00Z
times = [NEWEST - DAY * back for back in reversed(range(int(backups)))]
stamps = [time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime(at)) for at in times]


def rows():
    for i in range(int(metrics)):
        metric = 'servers.host%05d.metric%03d' % divmod(i, per_directory)
        for at, stamp in zip(times, stamps):
            yield {
                'name': '%s/%s.%s.wsp.gz' % (metric, stamp, sha1),
                'created_at': utils.Timestamp(at).internal,
                'size': 12345,
                'content_type': 'application/octet-stream',
                'etag': sha1[:32],
                'deleted': 0,
                'storage_policy_index': 0,
            }


batch = []
for row in rows():
    batch.append(row)
    if len(batch) == 20000:
        broker.merge_items(batch)
        batch = []
if batch:
    broker.merge_items(batch)
print(broker.get_info()['object_count'])
