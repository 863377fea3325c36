import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { command } from './command.ts';
import type { Runtime } from './runtime.ts';
import { sha256Of } from './sums.ts';

/** The parts of a CycloneDX 1.5 document that are changed here; see https://cyclonedx.org/docs/1.5/json/. */
const Bom = v.looseObject({
  metadata: v.looseObject({
    component: v.looseObject({ 'bom-ref': v.string(), name: v.string() }),
  }),
  components: v.array(
    v.looseObject({ externalReferences: v.optional(v.array(v.looseObject({ type: v.string() })), []) }),
  ),
  dependencies: v.array(v.looseObject({ ref: v.string(), dependsOn: v.array(v.string()) })),
});

export interface SbomOptions {
  /** The directory of package.json and node_modules. */
  readonly packages: string;
  readonly runtime: Runtime;
  /** Path of the Node binary. */
  readonly node: string;
  /** Unix time in seconds. */
  readonly time: number;
}

/**
 * Returns the CycloneDX list of a release: npm's list plus Node, which npm does not list. Equal releases give equal
 * lists: the serial number is a hash of the content, and details of the build machine are removed.
 */
export async function sbom({ packages, runtime, node, time }: SbomOptions): Promise<string> {
  const made = await command('npm', ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'], packages);
  const bom = v.parse(Bom, JSON.parse(made));
  const { name } = JSON.parse(await readFile(join(packages, 'package.json'), 'utf8'));
  const component = { ...bom.metadata.component, name: String(name), type: 'application' };
  const nodeComponent = {
    'bom-ref': `${runtime.name}@${runtime.version}`,
    type: 'platform',
    name: 'node',
    version: runtime.version,
    scope: 'required',
    description: 'Node.js, which runs the program',
    purl: `pkg:npm/${runtime.name}@${runtime.version}`,
    hashes: [{ alg: 'SHA-256', content: await sha256Of(node) }],
    licenses: [{ license: { id: runtime.license } }],
  };
  const content = {
    ...bom,
    metadata: {
      ...bom.metadata,
      timestamp: new Date(time * 1000).toISOString(),
      tools: [{ vendor: 'npm', name: 'cli' }],
      component,
    },
    components: [
      ...bom.components.map((one) => ({
        ...one,
        // Contains the URL of the registry, which may be a mirror.
        externalReferences: one.externalReferences.filter(({ type }) => type !== 'distribution'),
      })),
      nodeComponent,
    ],
    dependencies: [
      ...bom.dependencies.map((one) =>
        one.ref === component['bom-ref'] ? { ...one, dependsOn: [...one.dependsOn, nodeComponent['bom-ref']] } : one,
      ),
      { ref: nodeComponent['bom-ref'], dependsOn: [] },
    ],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify({ ...content, serialNumber: undefined }))}`;
  return `${JSON.stringify({ ...content, serialNumber }, undefined, 2)}\n`;
}

/** RFC 9562, version 8: a UUID from a hash. */
function uuidOf(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hash.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    variant + hash.slice(17, 20),
    hash.slice(20, 32),
  ].join('-');
}
