import assert from 'node:assert/strict';
import { refuseStrangers } from '../../../handlers/strangers.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { ownAddress } from '../../../lib/sip/own-address.ts';
import { trustedPeers } from '../../../lib/sip/trusted-peers.ts';
import { FakeResponse, fakeRequest } from '../../support/fake-sip.ts';

const CORE = '10.0.0.1';
const STRANGER = '192.0.2.66';

describe('requests of strangers to the gateway itself', () => {
  let passed: string[];
  let res: FakeResponse;
  const handler = refuseStrangers((req) => void passed.push(req.method), {
    own: ownAddress('sip:push@example.com', () => ['10.0.0.9:5070']),
    trusts: trustedPeers([CORE]),
    log: silentLogger,
  });
  const ask = (method: string, uri: string, source: string): void =>
    handler(
      fakeRequest({ method, uri, source, headers: { 'P-Asserted-Identity': '<sip:alice@example.com>' } }),
      res,
      () => undefined,
    );

  beforeEach(() => {
    passed = [];
    res = new FakeResponse();
  });

  for (const method of ['MESSAGE', 'SUBSCRIBE', 'REGISTER']) {
    for (const uri of ['sip:push@example.com', 'sip:10.0.0.9:5070', 'sip:push@10.0.0.9:5070']) {
      it(`${method} to ${uri} is refused, whatever identity it asserts`, () => {
        ask(method, uri, STRANGER);
        assert.deepEqual(
          res.sent.map(({ status }) => status),
          [403],
        );
        assert.deepEqual(passed, []);
      });
    }
    it(`${method} of the core goes on`, () => {
      ask(method, 'sip:push@example.com', CORE);
      assert.deepEqual([passed, res.sent], [[method], []]);
    });
  }

  it('OPTIONS goes on, and what is for somebody else', () => {
    ask('OPTIONS', 'sip:push@example.com', STRANGER);
    ask('MESSAGE', 'sip:alice@example.com', STRANGER);
    assert.deepEqual(passed, ['OPTIONS', 'MESSAGE']);
  });
});
