import { bucketSettings } from './bucket-settings.ts';
import { carbonListener } from './carbon-listener.ts';
import type { Check } from './check.ts';
import { clock } from './clock.ts';
import { compression, native } from './compression.ts';
import { config } from './config.ts';
import { credentials } from './credentials.ts';
import { directories } from './directories.ts';
import { lastRun } from './last-run.ts';
import { locks, runLock, writerLocks } from './locks.ts';
import { memory } from './memory.ts';
import { policies } from './policies.ts';
import { prefix } from './prefix.ts';
import { timer } from './timer.ts';

/** All checks, in the order of the output. */
export const checks: readonly Check[] = [
  config,
  credentials,
  bucketSettings,
  clock,
  prefix,
  policies,
  locks,
  writerLocks,
  memory,
  compression,
  native,
  runLock,
  directories,
  timer,
  lastRun,
  carbonListener,
];
