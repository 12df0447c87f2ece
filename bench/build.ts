import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const BENCH: string = import.meta.dirname;

/** Where the compiled parts are. */
export const PARTS: string = join(BENCH, 'dist', 'bench', 'parts');

/**
 * Compiles the gateway, as `npm run build` does, and the parts of the bench: what is measured must be what ships. A
 * loader that compiles on the fly wraps every function that it meets, and that would be measured along.
 */
export function build(): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', join(BENCH, 'tsconfig.json')], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the bench could not be compiled:\n${stdout}${stderr}`);
}
