import { PAP } from '../model/result-codes.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { PapClient } from './pap-client.ts';
import { papTarget, type TargetOptions } from './pap-target.ts';
import { addressText } from './recipient.ts';
import { cancelLine } from './result-line.ts';
import type { Terminal } from './terminal.ts';

export interface CancelOptions extends TargetOptions {
  /** Recipients; all when left out. */
  readonly to?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

/** Cancels what of a push still waits. Exit code 0 when it was cancelled for every recipient that was meant. */
export async function cancel(pushId: string, options: CancelOptions, terminal: Terminal): Promise<ExitCode> {
  const target = papTarget(options);
  const host = new URL(target.url).hostname;
  const addresses = (options.to ?? []).map((recipient) => addressText(recipient, host));
  const client = new PapClient(target);
  try {
    const { code, desc, results } = await client.cancel(pushId, addresses);
    if (options.json === true) terminal.line(JSON.stringify({ pushId, code, desc, results }));
    else if (results.length === 0) terminal.note(`${code} ${desc}`);
    else if (code === PAP.PUSH_ID_NOT_FOUND) terminal.note(`${code} ${desc}: this account has no push ${pushId} here`);
    else for (const result of results) terminal.line(cancelLine(result));
    return results.length > 0 && results.every((result) => result.code === PAP.OK) ? EXIT.OK : EXIT.FAILED;
  } finally {
    await client.close();
  }
}
