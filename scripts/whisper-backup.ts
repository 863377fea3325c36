import { main } from './cli/main.ts';

// All results are flushed here. A leftover socket or worker must not keep a timer's run alive.
process.exit(await main(process.argv.slice(2)));
