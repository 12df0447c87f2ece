import { describeCode, PAP } from '../model/result-codes.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { PapClient } from './pap-client.ts';
import { papTarget, type TargetOptions } from './pap-target.ts';
import { addressText } from './recipient.ts';
import { printable } from './result-line.ts';
import type { Terminal } from './terminal.ts';

export interface CapsOptions extends TargetOptions {
  /** Only of devices that run this application. */
  readonly app?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Tells what a user's devices can, as a gateway knows it. Exit code 1 when it knows nothing. */
export async function caps(user: string, options: CapsOptions, terminal: Terminal): Promise<ExitCode> {
  const target = papTarget(options);
  const address = addressText(user, new URL(target.url).hostname);
  const client = new PapClient(target);
  try {
    const { code, desc, until, values } = await client.capabilities(address, options.app);
    if (options.json === true) {
      terminal.line(JSON.stringify({ user, code, desc, until, capabilities: Object.fromEntries(values) }));
    } else if (code !== PAP.OK) {
      const why =
        code === PAP.CLIENT_CAPABILITIES_NOT_AVAILABLE ? ': no device of the user is registered, or none told' : '';
      terminal.note(`${code} ${desc ?? describeCode(code)}${why}`);
    } else {
      for (const line of table(values)) terminal.line(line);
      if (until !== undefined) terminal.note(`until ${until}, if nothing else is heard`);
    }
    return code === PAP.OK ? EXIT.OK : EXIT.FAILED;
  } finally {
    await client.close();
  }
}

/** In the order in which people ask. */
const NAMES: readonly (readonly [attribute: string, name: string])[] = [
  ['BrowserName', 'client'],
  ['Push-Accept-AppID', 'applications'],
  ['Push-Accept', 'media types'],
  ['Push-Accept-Charset', 'charsets'],
  ['Push-Accept-Encoding', 'codings'],
  ['Push-Accept-Language', 'languages'],
  ['Push-MsgSize', 'largest push'],
  ['Defaults', 'profile'],
];

/** One value a line, the name before the first; what has no name here stands under its own. */
function* table(values: ReadonlyMap<string, readonly string[]>): Generator<string> {
  const named = new Set(NAMES.map(([attribute]) => attribute));
  const others = [...values.keys()]
    .filter((name) => !named.has(name))
    .map((name): readonly [string, string] => [name, name]);
  const rows = [...NAMES, ...others].filter(([attribute]) => values.has(attribute));
  const width = Math.max(0, ...rows.map(([, name]) => name.length)) + 2;
  for (const [attribute, name] of rows) {
    let label = printable(name);
    for (const value of values.get(attribute) ?? []) {
      yield `${label.padEnd(width)}${printable(value)}`;
      label = '';
    }
  }
}
