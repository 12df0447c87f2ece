#!/usr/bin/env node
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

/** Time for what is being closed; whatever still holds the process open after it is left behind. */
const GRACE = 1000; // ms

runProgram(process.argv, processTerminal).then((code) => {
  process.exitCode = code;
  setTimeout(() => process.exit(code), GRACE).unref();
});
