import { sh } from '../fixtures/sh.ts';

export interface CarbonInput {
  /** Text of storage-schemas.conf. @default none */
  readonly schemas?: string;
  /** Text of storage-aggregation.conf. @default none */
  readonly aggregations?: string;
  readonly names?: readonly string[];
}

/** What carbon makes of a file: an error if it would not start, else the value for each name. */
export interface CarbonOutput {
  readonly schemas?: string | readonly (readonly (readonly [secondsPerPoint: number, points: number])[])[];
  readonly aggregations?: string | readonly (readonly [xFilesFactor: number | null, method: string | null])[];
}

/** Gives files to the code of Debian's graphite-carbon, with python3-whisper as its database. */
export function readWithCarbon(inputs: readonly CarbonInput[]): CarbonOutput[] {
  const { stdout } = sh({ input: JSON.stringify(inputs), stdio: 'pipe' })`/usr/bin/python3 -B -W ignore -c ${CARBON}`;
  return JSON.parse(`${stdout}`);
}

/** For each pattern an error or whether `re.search` finds it in each name. */
export function searchWithPython(patterns: readonly string[], names: readonly string[]): (string | boolean[])[] {
  const { stdout } = sh({
    input: JSON.stringify([patterns, names]),
    stdio: 'pipe',
  })`/usr/bin/python3 -B -W ignore -c ${SEARCH}`;
  return JSON.parse(`${stdout}`);
}

const SEARCH = `
import json, re, sys
patterns, names = json.load(sys.stdin)
def search(pattern):
    try:
        regex = re.compile(pattern)
    except (re.error, OverflowError, ValueError) as error:
        return str(error)
    return [bool(regex.search(name)) for name in names]
json.dump([search(pattern) for pattern in patterns], sys.stdout)
`;

const CARBON = `
import json, os, sys, tempfile
from carbon.conf import settings
settings['CONF_DIR'] = '/nonexistent'
from carbon import state, storage
import carbon.log, whisper
carbon.log.err = carbon.log.msg = lambda *a, **k: None
class Database:
    aggregationMethods = whisper.aggregationMethods
    def validateArchiveList(self, archives):
        try:
            whisper.validateArchiveList(archives)
        except whisper.InvalidConfiguration as e:
            raise ValueError(str(e))
state.database = Database()
where = tempfile.mkdtemp()
def load(text, constant, loader):
    path = os.path.join(where, 'file')
    with open(path, 'w', newline='') as f:
        f.write(text)
    setattr(storage, constant, path)
    return loader()
def first(rules, name):
    return next(rule for rule in rules if rule.matches(name)).archives
def answer(one):
    out = {}
    for key, constant, loader, convert in (
        ('schemas', 'STORAGE_SCHEMAS_CONFIG', storage.loadStorageSchemas, lambda archives: sorted(a.getTuple() for a in archives)),
        ('aggregations', 'STORAGE_AGGREGATION_CONFIG', storage.loadAggregationSchemas, lambda pair: pair),
    ):
        if key not in one:
            continue
        try:
            rules = load(one[key], constant, loader)
            out[key] = [convert(first(rules, name)) for name in one.get('names', [])]
        except (Exception, SystemExit) as error:
            out[key] = '%s: %s' % (type(error).__name__, error)
    return out
out = [answer(one) for one in json.load(sys.stdin)]
os.unlink(os.path.join(where, 'file')) if os.path.exists(os.path.join(where, 'file')) else None
os.rmdir(where)
json.dump(out, sys.stdout)
`;

/** The paths of carbon's files, without `.wsp`: with TAG_HASH_FILENAMES off and on. */
export function pathsOfCarbon(names: readonly string[]): { readonly plain: string[]; readonly hashed: string[] } {
  const { stdout } = sh({ input: JSON.stringify(names), stdio: 'pipe' })`/usr/bin/python3 -B -W ignore -c ${PATHS}`;
  return JSON.parse(`${stdout}`);
}

const PATHS = `
import json, sys
from carbon.util import TaggedSeries
names = json.load(sys.stdin)
out = {key: [TaggedSeries.encode(name, '/', hash_only=hashed) for name in names] for key, hashed in (('plain', False), ('hashed', True))}
json.dump(out, sys.stdout)
`;
