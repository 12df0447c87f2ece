import assert from 'node:assert/strict';
import debug from 'debug';
import { sipDebug } from '../../../lib/assembly/sip-debug.ts';
import type { SipTrace } from '../../../lib/stack/trace.ts';
import { requestText } from '../../support/sip-loopback.ts';

describe('SIP messages by DEBUG=drachtio:ppg:sip', () => {
  const before = debug.disable();
  const { log } = debug;

  afterEach(() => {
    debug.log = log;
    debug.enable(before);
  });

  it('cost nothing while it is off', () => {
    debug.enable('drachtio:ppg:other');
    assert.equal(sipDebug(), undefined);
  });

  it('are written with their headers and without their body', () => {
    debug.enable('drachtio:*');
    const written: string[] = [];
    debug.log = (...parts: unknown[]) => void written.push(parts.join(' '));
    const octets = requestText('SIP/2.0/UDP a;branch=z9hG4bK1', { body: 'secret' });
    const trace: SipTrace = {
      direction: 'out',
      at: 0,
      protocol: 'udp',
      local: '127.0.0.1:1',
      remote: '127.0.0.1:2',
      octets,
      callId: '1@a',
    };
    sipDebug()?.(trace);
    assert.equal(written.length, 1);
    assert.match(written[0] ?? '', /out udp 127\.0\.0\.1:1 > 127\.0\.0\.1:2\n.*MESSAGE sip:b@example\.com SIP\/2\.0/s);
    assert.match(written[0] ?? '', /\(body of 6 octets\)/);
    assert.doesNotMatch(written[0] ?? '', /secret/);
  });
});
