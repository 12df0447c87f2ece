import assert from 'node:assert/strict';
import { createOptionsHandler, ownAbilities } from '../../../handlers/options.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { ownAddress } from '../../../lib/sip/own-address.ts';
import { FakeResponse, fakeRequest } from '../../support/fake-sip.ts';

describe('OPTIONS', () => {
  const own = ownAddress('sip:push@example.com', () => ['10.0.0.9:5070']);
  const ask = (uri: string, res: FakeResponse): number => {
    let nexts = 0;
    createOptionsHandler({ own, log: silentLogger, supported: ['gruu'] })(fakeRequest({ uri }), res, () => nexts++);
    return nexts;
  };

  it('to the identity is answered with what the gateway can do', () => {
    const res = new FakeResponse();
    assert.equal(ask('sip:push@example.com', res), 0);
    assert.deepEqual(res.sent, [
      {
        status: 200,
        headers: {
          Allow: 'REGISTER, OPTIONS',
          Accept: 'message/sip, multipart/mixed, application/3gpp-ims+xml',
          'Accept-Encoding': 'identity',
          Supported: 'gruu',
        },
      },
    ]);
  });

  it('tells of reports, subscriptions and the reg event where they are taken, in its Contact too', () => {
    const res = new FakeResponse();
    const handler = createOptionsHandler({
      own,
      log: silentLogger,
      ...ownAbilities({ imdn: true, regEvent: true, omaPush: true }),
      contactFor: () => 'sip:push@10.0.0.9:5070',
    });
    handler(fakeRequest({ uri: 'sip:push@example.com' }), res, () => assert.fail());
    assert.deepEqual(res.sent[0]?.headers, {
      Allow: 'REGISTER, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY',
      Accept:
        'message/sip, multipart/mixed, application/3gpp-ims+xml, message/cpim, message/external-body, application/reginfo+xml',
      'Accept-Encoding': 'identity',
      'Allow-Events': 'oma-push',
      Contact:
        '<sip:push@10.0.0.9:5070>;automata;methods="REGISTER,OPTIONS,MESSAGE,SUBSCRIBE,NOTIFY";events="oma-push"',
    });
  });

  it('to anybody else, and to the host of the app, goes on', () => {
    for (const uri of ['sip:alice@example.com', 'sip:10.0.0.9:5070', 'sip:example.com', 'garbage']) {
      const res = new FakeResponse();
      assert.equal(ask(uri, res), 1, uri);
      assert.deepEqual(res.sent, []);
    }
  });

  it('to the bare address is answered where no app is behind it', () => {
    const handler = createOptionsHandler({ own, log: silentLogger, isLast: () => true });
    for (const [uri, statuses] of [
      ['sip:10.0.0.9:5070', [200]],
      ['sip:10.0.0.9:5070;transport=tcp', [200]],
      ['sip:10.0.0.9', []],
      ['sip:alice@10.0.0.9:5070', []],
      ['sip:alice@example.com', []],
    ] as const) {
      const res = new FakeResponse();
      handler(fakeRequest({ uri }), res, () => undefined);
      assert.deepEqual(
        res.sent.map(({ status }) => status),
        statuses,
        uri,
      );
    }
  });

  it('an answer that cannot be sent harms nobody', () => {
    const res = new FakeResponse();
    res.throwing = true;
    assert.equal(ask('sip:push@example.com', res), 0);
  });
});
