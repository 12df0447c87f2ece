import assert from 'node:assert/strict';
import { createMessageHandler, type ReportReader } from '../../../handlers/message.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { ownAddress } from '../../../lib/sip/own-address.ts';
import { FakeResponse, fakeRequest } from '../../support/fake-sip.ts';

describe('MESSAGE', () => {
  const own = ownAddress('sip:push@example.com', () => []);
  const reads: ReportReader = (req) => (req.get('Content-Type') === 'message/imdn+xml' ? 200 : undefined);

  function send(uri: string, type: string, readers: readonly ReportReader[]): { statuses: number[]; nexts: number } {
    const res = new FakeResponse();
    let nexts = 0;
    const handler = createMessageHandler({ own, readers, log: silentLogger });
    handler(fakeRequest({ method: 'MESSAGE', uri, headers: { 'Content-Type': type } }), res, () => nexts++);
    return { statuses: res.sent.map(({ status }) => status), nexts };
  }

  it('to the identity that reports on a push is consumed', () => {
    assert.deepEqual(send('sip:push@example.com', 'message/imdn+xml', [() => undefined, reads]), {
      statuses: [200],
      nexts: 0,
    });
  });

  it('everything else goes on untouched', () => {
    assert.deepEqual(send('sip:push@example.com', 'text/plain', [reads]), { statuses: [], nexts: 1 });
    assert.deepEqual(send('sip:alice@example.com', 'message/imdn+xml', [reads]), { statuses: [], nexts: 1 });
    assert.deepEqual(send('sip:push@example.com', 'message/imdn+xml', []), { statuses: [], nexts: 1 });
  });

  it('a report that could not be read comes again', () => {
    const fails: ReportReader = () => {
      throw new Error('store');
    };
    assert.deepEqual(send('sip:push@example.com', 'message/imdn+xml', [fails]), { statuses: [500], nexts: 0 });
  });
});
