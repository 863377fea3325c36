import { stat } from 'node:fs/promises';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';

/** Lists the files and variables of the configuration. They were validated when they were read. */
export const config: Check = {
  name: 'config',
  async run({ config, origins }): Promise<Verdict> {
    const sources = new Set([...origins.values()].filter((origin) => origin !== 'default'));
    const files = [...sources].filter((origin) => origin.startsWith('/'));
    const modes = await Promise.all(files.map(async (file) => `${file} (${await modeOf(file)})`));
    const rest = [...sources].filter((origin) => !origin.startsWith('/'));
    if (config.noop) return warn("This is a dry run ('noop' is set), so no write is tried");
    if (config.storage === undefined) {
      return bad('No storage is configured', 'Set storage: (and storageArgs:) in /etc/whisper-backup/config.yaml');
    }
    if (files.length === 0) {
      const finding = `No configuration file${rest.length > 0 ? `; settings from ${rest.join(', ')}` : ''}`;
      return warn(finding, 'A timer uses only /etc/whisper-backup/config.yaml');
    }
    return ok(`Settings from ${[...modes, ...rest].join(', ')}`);
  },
};

async function modeOf(file: string): Promise<string> {
  const { mode } = await stat(file);
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
