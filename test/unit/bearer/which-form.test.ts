import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createBearers } from '../../../lib/assembly/bearers.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { DeliveryTarget } from '../../../lib/bearer/bearer.ts';
import { createMsrpBearer } from '../../../lib/bearer/msrp-session.ts';
import { DEFAULT_READINGS } from '../../../lib/bearer/sip-outcome.ts';
import { chooseBearer } from '../../../lib/engine/choose-bearer.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import type { MsrpEndpoint } from '../../../lib/msrp/endpoint.ts';
import { checkOptions } from '../../../lib/options/options.ts';
import { tokenSecret } from '../../../lib/security/token-secret.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCEPTED_AT, fakeDevice, fakePush } from '../../support/fake-push.ts';
import { FakeLeg } from '../../support/fake-sip.ts';

/** What a device may have told, by the words of the table. */
const TOLD: Readonly<Record<string, Partial<DeviceCapabilities>>> = {
  'no MSRP': { msrp: false },
  MSRP: { msrp: {} },
  'multipart/mixed': { types: ['text/plain', 'application/x-any', 'multipart/mixed', 'message/external-body'] },
  'its own type only': { types: ['text/plain', 'application/x-any'] },
};

const toldBy = (words: string): DeliveryTarget => {
  if (words === 'nothing') return { kind: 'device', device: fakeDevice() };
  const capabilities = words.split('; ').map((word) => TOLD[word] ?? assert.fail(`what is "${word}"?`));
  return { kind: 'device', device: fakeDevice({ capabilities: Object.assign({ until: 0 }, ...capabilities) }) };
};

function contentOf(words: string): { type: string; body: Buffer } {
  const [, kind, size = ''] = /^(text|binary), ([\d,]+)$/.exec(words) ?? assert.fail(`what is "${words}"?`);
  const octets = Number(size.replaceAll(',', ''));
  return kind === 'text'
    ? { type: 'text/plain', body: Buffer.alloc(octets, 'a') }
    : { type: 'application/x-any', body: Buffer.alloc(octets) };
}

/** Which bearer and form a push takes, in the words of the table. */
function formOf(legs: string, content: string, told: string, url: string): string {
  const sender = createSipSender({
    legs: legs
      .split(', ')
      .map(
        (name) => new FakeLeg(name as 'drachtio' | 'direct', name === 'direct' ? { maxRequestBytes: 16_777_216 } : {}),
      ),
    force: 'auto',
    log: silentLogger,
  });
  const of = { sender, clock: new FakeClock(ACCEPTED_AT), log: silentLogger, identity: 'sip:push@a', domain: 'a' };
  const { content: checked } = checkOptions({
    domain: 'a.example.com',
    content: url === 'set' ? { url: 'https://ppg.example.com/content' } : {},
  });
  const bearers = createBearers({
    ...of,
    readings: DEFAULT_READINGS,
    redirects: { follow: false, domain: 'a' },
    profiles: [],
    onRefused: () => undefined,
    content: checked,
    // Nothing is sent here: offers need no sockets.
    msrp: createMsrpBearer({ ...of, endpoint: {} as MsrpEndpoint }),
    secret: tokenSecret(undefined),
    confirmWait: 1000,
  });
  const push = fakePush({ content: contentOf(content) });
  const target = toldBy(told);
  const { bearer, refusal } = chooseBearer(push, target, bearers);
  if (bearer === undefined) return String(refusal.code);
  const offer = bearer.offers(push, target);
  if (bearer.name === 'sip-message') return offer.offer === 'transform' ? 'MESSAGE, base64 in MIME' : 'MESSAGE';
  return bearer.name === 'indirection' ? 'reference' : 'MSRP';
}

/** Rows of the table under the heading of docs/bearers.md. */
function table(): string[][] {
  const text = readFileSync(new URL('../../../docs/bearers.md', import.meta.url), 'utf8');
  const section = text.split('## Which form a push takes')[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| d'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
}

describe('docs/bearers.md: which form a push takes', () => {
  const rows = table();

  it('is a table with rows for each leg', () => {
    assert.ok(rows.length >= 16, `${rows.length} rows`);
  });

  for (const [, legs = '', content = '', told = '', url = '', form = ''] of rows) {
    it(`${legs}: ${content} to a device that told ${told}, content.url ${url}: ${form}`, () => {
      assert.equal(formOf(legs, content, told, url), form);
    });
  }
});
