import { main } from './cli/main.ts';

// Streams of results are flushed by then; a socket or worker that something left behind must not keep a timer's run alive.
process.exit(await main(process.argv.slice(2)));
