import { mkdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

let built: URL | undefined;

/**
 * The program of the database thread in one file of JavaScript, made once for each test process: a thread that has to
 * load tsx takes a quarter of a second to start, and a store test starts hundreds.
 */
export function builtWorker(): URL {
  if (built !== undefined) return built;
  // Inside the project, so that it finds the packages.
  const outfile = resolve(ROOT, `node_modules/.cache/drachtio-ppg/store-worker-${process.pid}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  buildSync({
    entryPoints: [resolve(ROOT, 'lib/store/sqlite/worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  process.once('exit', () => rmSync(outfile, { force: true }));
  built = pathToFileURL(outfile);
  return built;
}
