import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { type AppRequest, CallNet, noting, type ProxyResults, until } from '../../support/call-net.ts';

const quick = { t1: 20, t2: 80, t4: 100 };

describe('requests that drachtio-srf proxies through sipd', () => {
  let net: CallNet;
  let results: ProxyResults[];

  beforeEach(async () => {
    results = [];
    net = await new CallNet({ timers: quick }).start();
  });

  afterEach(() => net.stop());

  /** An application that sends every call on. */
  async function proxying(
    destination: string | readonly string[],
    options: object = {},
    method = 'invite',
  ): Promise<void> {
    await net.app((app) =>
      app.use(
        method,
        (req: AppRequest) => void app.proxyRequest(req, destination, options).then((one) => results.push(one)),
      ),
    );
  }

  const nowhere = 'sip:x@127.0.0.1:9;transport=tcp';
  const statuses = (): number[] =>
    results.flatMap((one) => one.responses.flatMap(({ msgs }) => msgs.map((msg) => msg.status)));

  it('stay on the way when asked: Record-Route, ACK, re-INVITE, INFO and BYE', async () => {
    await proxying(net.bob.uri, { remainInDialog: true });
    const seen: string[] = [];
    net.bob.inDialog = { onRequest: noting(seen, (one) => one.respond(respondTo(one.request, 200))) };
    const { response, dialog } = await net.alice.call(net.port).final;
    assert.equal(response.headers.get('Record-Route'), `<sip:127.0.0.1:${net.port};lr>`);
    const request = net.bob.calls[0]?.request;
    assert.deepEqual([request?.uri, request?.headers.get('Max-Forwards')], [net.bob.uri, '69']);
    assert.equal(request?.headers.all('Via').length, 2);
    assert.equal(dialog?.state.routeSet.length, 1);
    await until(() => net.bob.calls[0]?.dialog.settled === true);
    for (const method of ['INVITE', 'INFO']) {
      const outcome = await dialog?.request(method);
      assert.ok(outcome?.kind === 'response' && outcome.response.status === 200, method);
    }
    await dialog?.end();
    await until(() => net.bob.agent.dialogs === 0);
    assert.deepEqual(seen, ['INVITE', 'INFO']);
    assert.deepEqual([results[0]?.connected, statuses()], [true, [200]]);
    assert.deepEqual([net.sipd.dialogs, net.sipd.held], [0, 0]);
  });

  it('leave it otherwise', async () => {
    await proxying(net.bob.uri);
    const { response, dialog } = await net.alice.call(net.port).final;
    assert.equal(response.headers.has('Record-Route'), false);
    await until(() => net.bob.calls[0]?.dialog.settled === true);
    await dialog?.end();
    await until(() => net.bob.agent.dialogs === 0);
  });

  it('go to one after the other until one takes them', async () => {
    await proxying([nowhere, net.bob.uri]);
    const { response } = await net.alice.call(net.port).final;
    assert.equal(response.status, 200);
    await until(() => results.length === 1);
    assert.deepEqual(statuses(), [200], 'what never left has no answer from downstream');
  });

  it('go to all at once, and the best refusal comes back', async () => {
    net.bob.onCall = (call) => call.reject(486);
    await proxying([nowhere, net.bob.uri], { forking: 'simultaneous' });
    assert.equal((await net.alice.call(net.port).final).response.status, 486);
    await until(() => results.length === 1);
    assert.deepEqual([results[0]?.connected, results[0]?.finalStatus], [false, 486]);
  });

  for (const forking of ['sequential', 'simultaneous'])
    it(`are answered by a challenge at once, as drachtio-server does, ${forking}`, async () => {
      const headers = [{ name: 'WWW-Authenticate', value: 'Digest realm="b", nonce="1"' }];
      net.bob.onCall = (call) => call.reject(401, { headers });
      net.carol.onCall = (call) => void call; // rings for ever
      await proxying([net.bob.uri, net.carol.uri], { forking });
      const { response } = await net.alice.call(net.port).final;
      assert.deepEqual([response.status, response.headers.get('WWW-Authenticate')], [401, headers[0]?.value]);
      await until(() => results.length === 1 && net.sipd.held === 0);
      assert.equal(net.carol.calls.length, forking === 'sequential' ? 0 : 1);
    });

  it('follow redirections only when asked', async () => {
    const moved = { headers: [{ name: 'Contact', value: `<${net.carol.uri}>` }] };
    net.bob.onCall = (call) => call.reject(302, moved);
    await proxying(net.bob.uri, { followRedirects: true });
    assert.equal((await net.alice.call(net.port).final).response.status, 200);
    await until(() => results.length === 1);
    assert.deepEqual(statuses(), [302, 200]);
    for (const app of net.apps) app.disconnect();
    await until(() => net.sipd.clients === 0);
    await proxying(net.bob.uri);
    assert.equal((await net.alice.call(net.port).final).response.status, 302);
  });

  it('are given up where nobody says anything in time, and tried elsewhere', async () => {
    // Time for Carol's answer, and less than the 200 ms after which Bob's transaction says 100 (RFC 3261 section 17.2.1).
    const provisionalTimeout = '150ms';
    let cancelled = false;
    net.bob.onCall = (call) =>
      call.onCancel(() => {
        cancelled = true;
      });
    await proxying([net.bob.uri, net.carol.uri], { provisionalTimeout });
    assert.equal((await net.alice.call(net.port).final).response.status, 200);
    assert.equal(net.carol.calls.length, 1);
    await until(() => cancelled);
  });

  it('are cancelled downstream when the caller gives up', async () => {
    net.bob.onCall = (call) => call.progress(180);
    await proxying(net.bob.uri, { remainInDialog: true });
    const call = net.alice.call(net.port);
    await until(() => call.provisional.includes(180));
    call.cancel();
    assert.equal((await call.final).response.status, 487);
    await until(() => results.length === 1);
    assert.deepEqual([statuses(), net.bob.agent.dialogs], [[487], 0]);
  });

  it('may be other than calls, and carry what the application adds', async () => {
    const texts: string[] = [];
    net.bob.agent.onRequest((transaction) => {
      const { headers, body } = transaction.request;
      texts.push(`${headers.get('X-Seen')} ${body}`);
      transaction.respond(respondTo(transaction.request, 202));
    });
    await proxying(net.bob.uri, { headers: { 'X-Seen': 'here' } }, 'message');
    const parts = { headers: [{ name: 'Content-Type', value: 'text/plain' }], body: Buffer.from('hé') };
    const request = net.alice.request('MESSAGE', net.port, parts);
    const status = await new Promise((resolve) =>
      net.alice.stack.request(
        request,
        { protocol: 'udp', host: '127.0.0.1', port: net.port },
        { onResponse: (response) => resolve(response.status), onFailure: resolve },
      ),
    );
    assert.deepEqual([status, texts], [202, ['here hé']]);
    await until(() => results.length === 1);
  });

  it('within a call that nobody proxied are not relayed', async () => {
    await proxying(net.bob.uri);
    const parts = {
      headers: [{ name: 'Route', value: `<sip:127.0.0.1:${net.port};lr>` }],
    };
    const request = net.alice.request('BYE', net.port, parts);
    request.headers.set('To', `<${net.bob.uri}>;tag=b`);
    const status = await new Promise((resolve) =>
      net.alice.stack.request(
        { ...request, uri: net.bob.uri },
        { protocol: 'udp', host: '127.0.0.1', port: net.port },
        { onResponse: (response) => resolve(response.status), onFailure: resolve },
      ),
    );
    assert.equal(status, 481);
  });
});
