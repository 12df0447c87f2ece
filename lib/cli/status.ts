import { EXIT, type ExitCode } from './exit.ts';
import { PapClient } from './pap-client.ts';
import { papTarget, type TargetOptions } from './pap-target.ts';
import { resultLine } from './result-line.ts';
import type { Terminal } from './terminal.ts';

/** Tells how a push stands. Exit code 1 when the gateway has no such push. */
export async function status(
  pushId: string,
  options: TargetOptions & { readonly json?: boolean | undefined },
  terminal: Terminal,
): Promise<ExitCode> {
  const client = new PapClient(papTarget(options));
  try {
    const { results, code, desc } = await client.status(pushId);
    const known = results.some(({ state }) => state !== 'unknown');
    if (options.json === true) terminal.line(JSON.stringify({ pushId, code, desc, results }));
    else if (known) for (const result of results) terminal.line(resultLine(result));
    else terminal.note(`${code} ${desc}: this account has no push ${pushId} here`);
    return known ? EXIT.OK : EXIT.FAILED;
  } finally {
    await client.close();
  }
}
