import { readFileSync } from 'node:fs';
import { PpgError } from '../../lib/base/errors.ts';
import { parseRetryAfter } from '../../lib/bearer/sip-outcome.ts';
import { gatewayConfiguration } from '../../lib/cli/config.ts';
import { nodeConfigSchema } from '../../lib/cli/config-schema.ts';
import { papTarget } from '../../lib/cli/pap-target.ts';
import { parseDatetime } from '../../lib/codec/pap/datetime.ts';
import { parseAnswerScript } from '../../lib/embedded/phone/answer-script.ts';
import { checkOptions, type PpgConfiguration } from '../../lib/options/options.ts';
import { parsePasswordHash } from '../../lib/security/password.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers, tolerated } from './tools.ts';

const text = (octets: Buffer): string => octets.toString('utf8');

/** The configuration that the package brings, and one with all that it leaves out. */
const DEFAULTS: { readonly ppg: { readonly sip: object } } = JSON.parse(
  readFileSync(new URL('../../config/default.json', import.meta.url), 'utf8'),
);
const ELABORATE = {
  ...DEFAULTS.ppg,
  initiators: [{ name: 'a', passwordHash: 'scrypt$16384$8$1$YQ==$YQ==', strict: true }],
  accounts: 'a:b,c:d',
  sip: {
    ...DEFAULTS.ppg.sip,
    trustedPeers: '127.0.0.1, ::1',
    nextHop: 'sip:192.0.2.1;transport=tcp',
    credentials: [{ realm: 'r', username: 'u', password: 'p' }],
  },
  core: { port: '5060', users: { a: 'b' } },
  auth: { requireTls: 'yes', trustedProxies: '10.0.0.1, 10.1.0.0/16' },
  addresses: { aliases: { desk: 'sip:a@b', staff: ['sip:c@d', '+49301'] }, numbers: [{ prefix: '+49', domain: 'e' }] },
  qos: { networks: { GSM: ['sms'] }, bearers: { SMS: ['sms'], SIP: 'any' } },
  limits: { maxAge: 5 },
  notify: { allowPrivate: 'yes' },
};

/** What stands under `ppg` in a configuration file, as JSON. */
const config: FuzzTarget = {
  name: 'config',
  seeds: buffers(JSON.stringify(DEFAULTS.ppg), JSON.stringify(ELABORATE)),
  words: [
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    'null',
    'true',
    '"__proto__":',
    '"constructor":{}',
    '1e999',
    '""',
    '\\u0000',
    '"port":',
  ],
  run(octets) {
    let value: unknown;
    try {
      value = JSON.parse(text(octets));
    } catch {
      throw new PpgError('PPG_E_CONFIG', 'no JSON');
    }
    tolerated(() => checkOptions(value as PpgConfiguration));
    const read = nodeConfigSchema.safeParse(value);
    if (!read.success) throw new PpgError('PPG_E_CONFIG', 'refused');
    checkOptions(gatewayConfiguration(read.data));
  },
};

/** Single values that people and peers write. */
const values: FuzzTarget = {
  name: 'values',
  seeds: buffers(
    '2026-09-21T14:00:00Z',
    '120 (in a meeting);duration=60',
    '200,486:5,silent',
    'scrypt$16384$8$1$YWFhYWFhYWFhYWFhYWFhYQ==$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=',
    'http://user:pw@[::1]:8080/pap?x',
  ),
  words: ['Z', '+01:00', 'T', '-', ':', '$', 'scrypt$', ',', 'silent', 'http://', '(', ')', ';'],
  run(octets) {
    const input = text(octets);
    parseDatetime(input);
    parseRetryAfter(input);
    tolerated(() => parseAnswerScript(input));
    tolerated(() => papTarget({ url: input, user: 'a', pass: 'b' }));
    tolerated(() => parsePasswordHash(input));
  },
};

/** What operators write. */
export const SETTING_TARGETS: readonly FuzzTarget[] = [config, values];
