import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { OutboundRequest } from '../../../lib/sip/leg.ts';
import { createSipSender, isBinaryBody, type SipSender } from '../../../lib/sip/sender.ts';
import { FakeLeg } from '../../support/fake-sip.ts';

const TEXT = Buffer.from('<si/> é');
const NUL = Buffer.from('a\0b');
const LATIN1 = Buffer.from([0x8c, 0x82, 0x98]);
const ROUTE = { name: 'Route', value: '<sip:scscf;lr>' };

const message = (more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'MESSAGE',
  uri: 'sip:alice@example.com',
  headers: [{ name: 'To', value: '<sip:alice@example.com>' }],
  body: TEXT,
  ...more,
});

describe('the choice of the leg', () => {
  let drachtio: FakeLeg;
  let direct: FakeLeg;
  const sender = (
    force: 'auto' | 'drachtio' | 'direct' = 'auto',
    nextHop?: string,
    legs = [direct, drachtio],
  ): SipSender => createSipSender({ legs, force, log: silentLogger, ...(nextHop !== undefined && { nextHop }) });

  beforeEach(() => {
    drachtio = new FakeLeg('drachtio');
    direct = new FakeLeg('direct');
  });

  type Setting = 'auto' | 'drachtio' | 'direct';
  const table: [
    what: string,
    force: Setting,
    request: OutboundRequest,
    down: string,
    leg: string | undefined,
    code?: string,
  ][] = [
    ['text', 'auto', message(), '', 'drachtio'],
    ['no body', 'auto', { method: 'OPTIONS', uri: 'sip:a@b', headers: [] }, '', 'drachtio'],
    ['NUL in the body', 'auto', message({ body: NUL }), '', 'direct'],
    ['a body that is not UTF-8', 'auto', message({ body: LATIN1 }), '', 'direct'],
    ['a Route header', 'auto', message({ headers: [ROUTE] }), '', 'direct'],
    ['a route header in lower case', 'auto', message({ headers: [{ ...ROUTE, name: 'route' }] }), '', 'direct'],
    ['more than drachtio carries', 'auto', message({ body: Buffer.alloc(3800, 'a') }), '', 'direct'],
    [
      'headers more than drachtio carries',
      'auto',
      message({ headers: [{ name: 'X-A', value: 'é'.repeat(1800) }] }),
      '',
      'direct',
    ],
    [
      'more than any leg carries',
      'auto',
      message({ body: Buffer.alloc(66_000, 'a') }),
      '',
      undefined,
      'PPG_E_LEG_CANNOT',
    ],
    ['text while drachtio is down', 'auto', message(), 'drachtio', 'direct'],
    ['binary while direct is down', 'auto', message({ body: NUL }), 'direct', undefined, 'PPG_E_LEG_DOWN'],
    ['text while both are down', 'auto', message(), 'drachtio direct', undefined, 'PPG_E_LEG_DOWN'],
    ['text, forced direct', 'direct', message(), '', 'direct'],
    ['binary, forced drachtio', 'drachtio', message({ body: NUL }), '', undefined, 'PPG_E_LEG_CANNOT'],
    ['text, forced drachtio that is down', 'drachtio', message(), 'drachtio', undefined, 'PPG_E_LEG_DOWN'],
  ];
  for (const [what, force, request, down, expected, code] of table) {
    it(`${what}: ${expected ?? code}`, async () => {
      drachtio.ready = !down.includes('drachtio');
      direct.ready = !down.includes('direct');
      const { answer, leg } = await sender(force).request(request);
      assert.equal(leg, expected);
      assert.deepEqual(
        [drachtio.sent.length, direct.sent.length],
        [Number(leg === 'drachtio'), Number(leg === 'direct')],
      );
      if (expected === undefined) {
        assert.equal(answer.kind === 'not-sent' && answer.code, code);
        assert.ok(answer.kind === 'not-sent' && answer.cause.startsWith(`${code}: `));
      } else assert.equal(answer.kind, 'response');
    });
  }

  it('what did not leave by one leg leaves by the next', async () => {
    drachtio.answer = () => ({ kind: 'not-sent', code: 'PPG_E_LEG_DOWN', cause: 'link lost' });
    assert.equal((await sender().request(message())).leg, 'direct');
  });

  it('what may have left is not sent again', async () => {
    drachtio.answer = () => ({ kind: 'unknown', cause: 'link lost' });
    const { answer, leg } = await sender().request(message());
    assert.deepEqual([answer.kind, leg, direct.sent.length], ['unknown', 'drachtio', 0]);
  });

  it('a leg that breaks its promise makes the end unknown', async () => {
    drachtio.answer = () => {
      throw new Error('bug');
    };
    assert.equal((await sender().request(message())).answer.kind, 'unknown');
  });

  it('the caller may know already that the body is binary', async () => {
    assert.equal((await sender().request(message(), { binary: true })).leg, 'direct');
  });

  it('headers that name the leg are asked once it is chosen', async () => {
    const via = sender();
    await via.request(message({ body: NUL }), {
      headersFor: (leg) => [{ name: 'Contact', value: `<${via.identityFor(leg, 'push')}>` }],
    });
    assert.deepEqual(direct.sent[0]?.headers.at(-1), { name: 'Contact', value: '<sip:push@192.0.2.1:5060>' });
    assert.equal(via.identityFor({ address: undefined }), undefined);
    assert.equal(via.identityFor({ address: '[::1]:5080' }), 'sip:[::1]:5080');
    assert.equal(via.identityFor({ address: 'gw:5061', transport: 'tls' }, 'push'), 'sip:push@gw:5061;transport=tls');
  });

  it('a request without next hop gets the configured one', async () => {
    const via = sender('auto', 'sip:core:5060');
    await via.request(message());
    await via.request(message({ nextHop: 'sip:other' }));
    await sender().request(message());
    assert.deepEqual(
      drachtio.sent.map(({ nextHop }) => nextHop),
      ['sip:core:5060', 'sip:other', undefined],
    );
  });

  it('the next hop is handed on as it is: each leg knows which transport a size needs', async () => {
    const large = message({ body: Buffer.alloc(1300, 'a') });
    await sender('auto', 'sip:core:5060').request(large);
    await sender('auto', 'sip:core:5060;transport=udp').request(large);
    assert.deepEqual(
      drachtio.sent.map(({ nextHop }) => nextHop),
      ['sip:core:5060', 'sip:core:5060;transport=udp'],
    );
  });

  for (const method of ['invite', 'subscribe'] as const) {
    it(`${method} chooses its leg as request does, and hands its own options on`, async () => {
      const via = sender('auto', 'sip:core:5060');
      const abort = new AbortController();
      const { leg } = await via[method](message({ headers: [ROUTE], method: method.toUpperCase() }), {
        signal: abort.signal,
        headersFor: (one) => [{ name: 'Contact', value: `<${via.identityFor(one, 'push')}>` }],
      });
      assert.equal(leg, 'direct');
      assert.equal(direct.dialogOptions[0]?.signal, abort.signal);
      assert.deepEqual(direct.sent[0]?.headers.at(-1), { name: 'Contact', value: '<sip:push@192.0.2.1:5060>' });
      assert.equal(direct.sent[0]?.nextHop, 'sip:core:5060');
    });

    it(`${method} that did not leave by one leg leaves by the next, and by none when none is ready`, async () => {
      drachtio.answer = () => ({ kind: 'not-sent', code: 'PPG_E_LEG_DOWN', cause: 'link lost' });
      assert.equal((await sender()[method](message())).leg, 'direct');
      direct.ready = false;
      const { answer, leg } = await sender()[method](message());
      assert.deepEqual([answer.kind, leg], ['not-sent', undefined]);
    });
  }

  it('says what could be carried, ready or not, and what can be now', () => {
    direct.ready = false;
    const both = sender();
    assert.equal(both.fits({ binary: true, route: false, bytes: 1000 }), true);
    assert.equal(both.fits({ binary: false, route: false, bytes: 64_900 }), false);
    assert.equal(sender('drachtio').fits({ binary: true, route: false, bytes: 10 }), false);
    assert.equal(sender('drachtio').fits({ binary: false, route: true, bytes: 10 }), false);
    assert.deepEqual(both.can, { binary: false, route: false, maxRequestBytes: 3850 });
    direct.ready = true;
    assert.deepEqual(both.can, { binary: true, route: true, maxRequestBytes: 65_000 });
  });

  it('no single leg need have every ability that all have between them', () => {
    const small = new FakeLeg('direct', { maxRequestBytes: 2000 });
    assert.equal(sender('auto', undefined, [drachtio, small]).fits({ binary: true, route: false, bytes: 3000 }), false);
  });

  it('is ready with any leg, and tells when one becomes so', () => {
    drachtio.ready = false;
    direct.ready = false;
    const via = sender();
    let told = 0;
    via.onReady(() => told++);
    assert.equal(via.ready, false);
    direct.becomeReady();
    assert.deepEqual([via.ready, told], [true, 1]);
  });

  it('binary is what drachtio would change: NUL and what is not UTF-8', () => {
    assert.deepEqual([TEXT, NUL, LATIN1, Buffer.alloc(0), undefined].map(isBinaryBody), [
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});
