import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import express from 'express';
import { papHandler, papRouter } from '../../../handlers/pap.ts';
import { PpgError } from '../../../lib/base/errors.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { createPiAuth, hashPassword } from '../../../lib/security/pi-auth.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCOUNT, admitting, dependencies, Endpoint, FIXTURE_TYPES, fixture } from '../../support/pap-endpoint.ts';

// Its types are those of the other major, as far as these tests go.
const express4 = createRequire(import.meta.url)('express4') as typeof express;

const NAME = 'vendor-part-headers';
const TYPE = FIXTURE_TYPES[NAME] as string;
const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('the PAP endpoint as HTTP', () => {
  let endpoint: Endpoint | undefined;
  const serve = async (changes: Parameters<typeof dependencies>[0] = {}) => {
    const deps = dependencies(changes);
    endpoint = await Endpoint.of(papHandler(deps));
    return { endpoint, engine: deps.engine };
  };
  afterEach(async () => {
    await endpoint?.close();
    endpoint = undefined;
  });

  it('answers with 200 to accounts that want it', async () => {
    const { endpoint } = await serve({ auth: admitting({ ...ACCOUNT, replyStatus: 200 }) });
    assert.equal((await endpoint.post(fixture(NAME), TYPE)).status, 200);
  });

  it('tells its operator of an overload once a minute, with the number of refusals', async () => {
    const clock = new FakeClock();
    const lines: object[] = [];
    const log = { ...silentLogger, warn: (fields: object | string) => void lines.push(fields as object) };
    const { endpoint, engine } = await serve({ clock, log });
    engine.answer = () => {
      throw new PpgError('PPG_E_OVERLOAD', 'too much waits', { retryAfter: 5000 });
    };
    for (const [passed, told] of [
      [0, 1],
      [59_999, 1],
      [1, 2],
    ] as const) {
      await clock.advance(passed);
      assert.equal((await endpoint.post(fixture(NAME), TYPE)).status, 503);
      assert.equal(lines.length, told);
    }
    assert.deepEqual(
      lines.map((line) => (line as { unsaid?: number }).unsaid),
      [undefined, 1],
    );
  });

  it('does not let strangers fill the log: ten lines a minute, and how many more there were', async () => {
    const clock = new FakeClock();
    const lines: { unsaid?: number; cause?: string }[] = [];
    const log = { ...silentLogger, warn: (fields: object | string) => void lines.push(fields as object) };
    const { endpoint } = await serve({ clock, log, auth: { check: () => ({ ok: false, reason: 'wrong' }) } });
    for (let n = 0; n < 25; n++) assert.equal((await endpoint.post('x', 'text/plain')).status, 401);
    assert.equal(lines.length, 10);
    await clock.advance(60_000);
    await endpoint.post('x', 'text/plain');
    assert.deepEqual([lines.length, lines[10]?.unsaid], [11, 15]);
  });

  it('counts among the refused what HTTP refused an initiator', async () => {
    const refused: object[] = [];
    const clock = new FakeClock();
    const onRefused = (refusal: object): void => void refused.push(refusal);
    const { endpoint } = await serve({ clock, onRefused, maxBodyBytes: 1000 });
    await endpoint.post('{}', 'application/json');
    await endpoint.post(Buffer.alloc(1001), 'application/xml');
    const one = { initiator: ACCOUNT.name, pushId: '', code: 2000, at: clock.now() };
    assert.deepEqual(refused, [one, one]);
  });

  it('refuses other methods with 405', async () => {
    const { endpoint } = await serve();
    const answer = await endpoint.post('', '', { method: 'GET' });
    assert.deepEqual([answer.status, answer.headers.allow], [405, 'POST']);
  });

  for (const [type, headers] of [
    ['application/json', {}],
    ['', {}],
    ['text', {}],
    ['application/xml', { 'Content-Encoding': 'gzip' }],
  ] as const) {
    it(`refuses ${JSON.stringify(type)} ${JSON.stringify(headers)} with 415`, async () => {
      const { endpoint } = await serve();
      assert.equal((await endpoint.post('{}', type, { headers })).status, 415);
    });
  }

  it('refuses a body past the limit with 413, announced or not', async () => {
    const { endpoint } = await serve({ maxBodyBytes: 1000 });
    assert.equal((await endpoint.post(Buffer.alloc(1001), 'application/xml')).status, 413);
    const status = await new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        {
          host: '127.0.0.1',
          port: endpoint.port,
          method: 'POST',
          agent: false,
          headers: { 'Content-Type': 'application/xml' },
        },
        (incoming) => resolve(incoming.resume().statusCode),
      );
      outgoing.on('error', reject);
      outgoing.write(Buffer.alloc(600));
      outgoing.write(Buffer.alloc(600));
    });
    assert.equal(status, 413);
  });

  it('waits for a body no longer than it says', async () => {
    const clock = new FakeClock();
    const { endpoint } = await serve({ clock, bodyTimeout: 5000 });
    const status = await new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        {
          host: '127.0.0.1',
          port: endpoint.port,
          method: 'POST',
          agent: false,
          headers: { 'Content-Type': 'application/xml' },
        },
        (incoming) => resolve(incoming.resume().statusCode),
      );
      outgoing.on('error', reject);
      outgoing.write('<pap>');
      const look = (): void => {
        if (clock.pending === 0) setImmediate(look);
        else clock.tick(5000);
      };
      look();
    });
    assert.equal(status, 408);
  });

  it('asks for credentials and lets verified ones in', async () => {
    const clock = new FakeClock();
    const passwordHash = await hashPassword('s3cret', { N: 16, r: 1, p: 1 });
    const { endpoint, engine } = await serve({
      clock,
      auth: createPiAuth({ accounts: [{ name: 'shop', passwordHash }], clock, limits: { pair: 2 } }),
    });
    const none = await endpoint.post(fixture(NAME), TYPE);
    assert.equal(none.status, 401);
    assert.match(String(none.headers['www-authenticate']), /^Basic realm=/);
    assert.equal((await endpoint.post(fixture(NAME), TYPE, { headers: basic('shop:wrong') })).status, 401);
    assert.equal((await endpoint.post(fixture(NAME), TYPE, { headers: basic('shop:s3cret') })).status, 202);
    assert.equal(engine.submissions[0]?.initiator, 'shop');
    assert.equal((await endpoint.post(fixture(NAME), TYPE, { headers: basic('shop:wrong2') })).status, 401);
    const limited = await endpoint.post(fixture(NAME), TYPE, { headers: basic('shop:wrong3') });
    assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '60']);
    assert.equal((await endpoint.post(fixture(NAME), TYPE, { headers: basic('shop:s3cret') })).status, 202);
  });

  it('holds accounts to the letter when they are strict', async () => {
    const { endpoint } = await serve({ auth: admitting({ ...ACCOUNT, strict: true }) });
    const answer = await endpoint.pap(fixture('unknown-delivery-method'), TYPE);
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 2000);
  });

  it('takes WAPPUSH addresses only where an account says so', async () => {
    const { endpoint } = await serve({ auth: admitting({ ...ACCOUNT, rawAddresses: false }) });
    const answer = await endpoint.pap(fixture('two-raw-tokens'), FIXTURE_TYPES['two-raw-tokens'] as string);
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 2002);
  });

  it('holds strict accounts to the names of the gateway, and no others', async () => {
    const address = 'address-value="WAPPUSH=a/TYPE=USER@other.test"';
    const query = `<pap><statusquery-message push-id="1"><address ${address}/></statusquery-message></pap>`;
    const push = fixture(NAME)
      .toString()
      .replace(/address-value="[^"]*"/, address);
    for (const [strict, hosts, pushed, asked] of [
      [true, ['ppg.test'], 2002, 2002],
      [true, ['ppg.test', 'Other.test'], 1001, 2004],
      [true, [], 1001, 2004],
      [false, ['ppg.test'], 1001, 2004],
    ] as const) {
      const { endpoint } = await serve({ auth: admitting({ ...ACCOUNT, strict }), hosts });
      const answers = [await endpoint.pap(push, TYPE), await endpoint.pap(query, 'application/xml')];
      await endpoint.close();
      const codes = answers.map((answer) =>
        'results' in answer ? answer.results[0]?.code : 'code' in answer && answer.code,
      );
      assert.deepEqual(codes, [pushed, asked]);
    }
  });

  it('refuses notify URLs into its own network unless told otherwise', async () => {
    const { endpoint, engine } = await serve({ allowPrivateNotify: false });
    const answer = await endpoint.pap(fixture('unknown-delivery-method'), TYPE);
    assert.ok(answer.message === 'push-response');
    assert.deepEqual([answer.code, engine.submissions.length], [2000, 0]);
    assert.match(answer.desc ?? '', /PPG_E_NOTIFY_URL/);
  });

  it('takes notify URLs into networks that are allowed', async () => {
    const body = (url: string) =>
      fixture('unknown-delivery-method')
        .toString()
        .replace(/ppg-notify-requested-to="[^"]*"/, `ppg-notify-requested-to="${url}"`);
    const { endpoint, engine } = await serve({ allowPrivateNotify: false, allowNotify: ['10.1.0.0/16'] });
    for (const [url, wanted] of [
      ['http://10.1.2.3/', 1001],
      ['http://[64:ff9b::10.1.2.3]/', 1001],
      ['http://10.2.0.1/', 2000],
    ] as const) {
      const answer = await endpoint.pap(body(url), TYPE);
      assert.ok(answer.message === 'push-response');
      assert.equal(answer.code, wanted, url);
    }
    assert.equal(engine.submissions.length, 2);
  });

  it('tells what the engine decided, and hides why the store failed', async () => {
    const { endpoint, engine } = await serve();
    engine.answer = () => ({ code: 2007, desc: 'Duplicate push ID' });
    const duplicate = await endpoint.pap(fixture(NAME), TYPE);
    assert.ok(duplicate.message === 'push-response');
    assert.deepEqual([duplicate.code, duplicate.desc], [2007, 'Duplicate push ID']);
    for (const error of [new PpgError('PPG_E_STORE', 'SELECT secret'), new TypeError('undefined secret')]) {
      engine.answer = () => {
        throw error;
      };
      const failed = await endpoint.pap(fixture(NAME), TYPE);
      assert.ok(failed.message === 'push-response');
      assert.deepEqual([failed.code, failed.desc], [3000, 'Internal server error']);
    }
  });

  it('puts progress notes into the answer when they are asked for', async () => {
    const { endpoint } = await serve();
    const body = fixture(NAME)
      .toString()
      .replace('push-id="1@rim.com"', 'push-id="1@rim.com" progress-notes-requested="true"');
    const answer = await endpoint.pap(body, TYPE);
    assert.ok(answer.message === 'push-response');
    assert.deepEqual(
      answer.progressNotes.map(({ stage }) => stage),
      ['received', 'accepted'],
    );
  });

  it('reads a base64 control entity and hands base64 content on as it is', async () => {
    const { endpoint, engine } = await serve();
    const control = Buffer.from(
      '<pap><push-message push-id="1"><address address-value="a"/></push-message></pap>',
    ).toString('base64');
    const body = `--B\r\nContent-Type: application/xml\r\nContent-Transfer-Encoding: base64\r\n\r\n${control}\r\n--B\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--B--`;
    const answer = await endpoint.pap(body, 'multipart/mixed; boundary=B');
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 1001);
    const content = engine.submissions[0]?.content;
    assert.deepEqual(
      [content?.body.toString(), content?.headers],
      ['AAEC', [{ name: 'Content-Transfer-Encoding', value: 'base64' }]],
    );
  });

  for (const [start, id] of [
    ['"<c>"', '<c>'],
    ['c', '<c>'],
    ['"<c>"', 'c'],
  ]) {
    it(`finds the control entity ${id} by start=${start}`, async () => {
      const { endpoint, engine } = await serve();
      const control = '<pap><push-message push-id="1"><address address-value="a"/></push-message></pap>';
      const body = `--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B\r\nContent-ID: ${id}\r\n\r\n${control}\r\n--B--`;
      await endpoint.post(body, `multipart/related; start=${start}; boundary=B`);
      assert.equal(engine.submissions[0]?.content.body.toString(), 'x');
    });
  }

  it('never lets a PI set the flags that are the gateway\u2019s to set', async () => {
    const { endpoint, engine } = await serve();
    const body = fixture(NAME)
      .toString()
      .replace(
        'X-Rim-Push-Type: Browser-Channel',
        'x-wap-push-info: authenticated\r\nPush-Flag: 3\r\nX-WAP-Push-INFO: trusted',
      );
    await endpoint.post(body, TYPE);
    const names = engine.submissions[0]?.content.headers.map(({ name }) => name.toLowerCase());
    assert.ok(names);
    assert.ok(names.includes('content-location'));
    assert.ok(!names.some((name) => name === 'x-wap-push-info' || name === 'push-flag'));
  });

  for (const [version, framework] of [
    ['5', express],
    ['4', express4],
  ] as const) {
    describe(`mounted in Express ${version}`, () => {
      type Use = (app: ReturnType<typeof express>) => void;
      const mount = async (...before: Use[]) => {
        const deps = dependencies();
        const app = framework();
        for (const use of before) use(app);
        app.use('/pap', papRouter(deps));
        app.use((_req, res) => {
          res.status(404).end('app');
        });
        endpoint = await Endpoint.of(createServer(app));
        return { endpoint, engine: deps.engine };
      };
      const binary = Buffer.concat([
        Buffer.from(
          '--B\r\n\r\n<pap><push-message push-id="1"><address address-value="a"/></push-message></pap>\r\n--B\r\nContent-Type: a/b\r\n\r\n',
        ),
        Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        Buffer.from('\r\n--B--'),
      ]);
      const BINARY = 'multipart/related; boundary=B';

      it('passes every octet of the content', async () => {
        const { endpoint, engine } = await mount();
        await endpoint.post(binary, BINARY, { path: '/pap' });
        assert.deepEqual(
          [...(engine.submissions[0]?.content.body ?? [])],
          Array.from({ length: 256 }, (_, i) => i),
        );
      });

      it('knows its path in the absolute form of a request', async () => {
        const { endpoint, engine } = await mount();
        assert.equal((await endpoint.post(binary, BINARY, { path: 'http://ppg.test:8080/pap' })).status, 202);
        assert.equal((await endpoint.post(binary, BINARY, { path: 'http://ppg.test/pap?x' })).status, 202);
        assert.equal((await endpoint.post(binary, BINARY, { path: 'http://ppg.test/pap/below' })).status, 404);
        assert.equal(engine.submissions.length, 2);
      });

      it('leaves paths below to the app', async () => {
        const { endpoint } = await mount();
        assert.deepEqual((await endpoint.post('', 'application/xml', { path: '/pap/below' })).status, 404);
      });

      it('answers as a route of its own', async () => {
        const deps = dependencies();
        const app = framework();
        app.post('/push/pap', papRouter(deps));
        endpoint = await Endpoint.of(createServer(app));
        assert.equal((await endpoint.post(binary, BINARY, { path: '/push/pap' })).status, 202);
      });

      it('works behind parsers that leave its types alone', async () => {
        const { endpoint, engine } = await mount((app) =>
          app.use(framework.json(), framework.urlencoded({ extended: false })),
        );
        await endpoint.post(binary, BINARY, { path: '/pap' });
        assert.equal(engine.submissions.length, 1);
      });

      it('takes the Buffer of a raw parser', async () => {
        const { endpoint, engine } = await mount((app) => app.use(framework.raw({ type: () => true })));
        await endpoint.post(binary, BINARY, { path: '/pap' });
        assert.equal(engine.submissions[0]?.content.body.length, 256);
      });

      it('takes the text of a parser when no octet was lost', async () => {
        const { endpoint, engine } = await mount((app) => app.use(framework.text({ type: () => true })));
        const text = fixture(NAME).toString().replace('Have a Great Day!</h1>', 'H\u00e4b an gro\u00dfen Tag!</h1>');
        await endpoint.post(text, TYPE, { path: '/pap' });
        assert.match(engine.submissions[0]?.content.body.toString() ?? '', /gro\u00dfen/);
      });

      for (const [what, use] of [
        ['text', (app) => app.use(framework.text({ type: () => true }))],
        ['urlencoded', (app) => app.use(framework.urlencoded({ extended: false, type: () => true }))],
      ] as [string, Use][]) {
        it(`says so when a ${what} parser has spoilt the body`, async () => {
          const { endpoint, engine } = await mount(use);
          const answer = await endpoint.pap(binary, BINARY, { path: '/pap' });
          assert.ok(answer.message === 'badmessage-response');
          // badmessage-response has no 3000; desc says whose fault it is.
          assert.equal(answer.code, 2000);
          assert.match(answer.desc ?? '', /^Internal server error: .*mount pap\(\) before .*PPG_E_BODY_CONSUMED/);
          assert.equal(engine.submissions.length, 0);
        });
      }
    });
  }
});
