import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { readRegInfo } from '../../../lib/codec/reginfo/read.ts';
import { REGINFO_TYPE, type RegInfo } from '../../../lib/codec/reginfo/reginfo.ts';
import { SipHeaders, type SipRequest } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { type Core, createCore } from '../../../lib/embedded/core/core.ts';
import type { CoreOptions } from '../../../lib/embedded/core/options.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { ClientSubscription } from '../../../lib/stack/subscription.ts';
import type { Hop, SipStack } from '../../../lib/stack/types.ts';
import { UserAgent } from '../../../lib/stack/user-agent.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const LISTEN = [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] as const;
const ALICE = 'sip:alice@example.com';

/** An application server that subscribes, and phones, as one user agent. */
class Server {
  readonly stack: SipStack = createSipStack({ clock: systemClock, listen: LISTEN });
  readonly agent: UserAgent = new UserAgent({ stack: this.stack, clock: systemClock, contact: () => this.contact });
  readonly log: string[] = [];
  readonly documents: RegInfo[] = [];
  #waiting: (() => void)[] = [];
  #serial = 0;

  get contact(): string {
    return `sip:127.0.0.1:${this.stack.listening[0]?.port ?? 0}`;
  }

  request(method: string, uri: string, headers: Record<string, string>): SipRequest {
    const fields = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<sip:as.example.com>;tag=${this.agent.newTag()}` },
      { name: 'To', value: `<${ALICE}>` },
      { name: 'Call-ID', value: `reg-${++this.#serial}` },
      { name: 'CSeq', value: `${this.#serial} ${method}` },
    ]);
    for (const [name, value] of Object.entries(headers)) fields.set(name, value);
    return { kind: 'request', method, uri, headers: fields, body: Buffer.alloc(0) };
  }

  #note(entry: string): void {
    this.log.push(entry);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  subscribe(hop: Hop, headers: Record<string, string> = {}, uri = ALICE): ClientSubscription {
    const request = this.request('SUBSCRIBE', uri, { Event: 'reg', Accept: REGINFO_TYPE, Expires: '600', ...headers });
    return this.agent.subscribe(request, hop, {
      onAccepted: ({ headers: answered }) => this.#note(`accepted ${answered.get('Expires')}`),
      onNotify: (transaction, { state, reason }) => {
        this.documents.push(readRegInfo(transaction.request.body));
        transaction.respond(respondTo(transaction.request, 200));
        this.#note(reason === undefined ? state : `${state} ${reason}`);
      },
      onRefused: ({ status, headers: answered }) =>
        this.#note(`refused ${status} ${answered.get('Min-Expires') ?? answered.get('Accept') ?? ''}`.trim()),
      onFailure: (failure) => this.#note(failure),
    });
  }

  register(hop: Hop, contact: string, expires = 600): Promise<void> {
    const request = this.request('REGISTER', 'sip:example.com', { Contact: contact, Expires: String(expires) });
    request.headers.set('From', `<${ALICE}>;tag=${this.agent.newTag()}`);
    return new Promise((resolve, reject) => {
      this.stack.request(request, hop, {
        onResponse: ({ status }) => (status === 200 ? resolve() : reject(new Error(String(status)))),
        onFailure: (_failure, cause) => reject(cause),
      });
    });
  }
}

describe('the reg event of the embedded core', () => {
  let server: Server;
  let core: Core;
  let hop: Hop;

  async function begin(options: Partial<CoreOptions> = {}): Promise<void> {
    const stack = createSipStack({ clock: systemClock, listen: LISTEN });
    core = createCore({
      clock: systemClock,
      log: silentLogger,
      stack,
      domain: 'example.com',
      applicationServers: [],
      bindings: createMemoryBindings(),
      regEvent: { watchers: ['127.0.0.1'] },
      ...options,
    });
    await core.start();
    hop = { protocol: 'udp', host: '127.0.0.1', port: stack.listening[0]?.port ?? 0 };
  }

  beforeEach(async () => {
    server = new Server();
    await server.stack.start();
  });

  afterEach(async () => {
    server.agent.stop();
    await server.stack.stop();
    await core.stop();
  });

  it('tells the whole state first, and then what changed', async () => {
    await begin();
    await server.register(hop, '<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:1>";+g.oma.pusheventapp="mms.ua"');
    const subscription = server.subscribe(hop);
    await server.until(() => server.documents.length === 1 && server.log.includes('accepted 600'));
    const [first] = server.documents;
    assert.deepEqual([first?.version, first?.state], [0, 'full']);
    const [registration] = first?.registrations ?? [];
    assert.deepEqual([registration?.aor, registration?.state], [ALICE, 'active']);
    const [contact] = registration?.contacts ?? [];
    assert.equal(contact?.uri, 'sip:a@10.0.0.1');
    assert.equal(contact?.pubGruu, `${ALICE};gr=urn:uuid:1`);
    assert.deepEqual(contact?.params, [
      { name: '+sip.instance', value: '<urn:uuid:1>' },
      { name: '+g.oma.pusheventapp', value: 'mms.ua' },
    ]);

    await server.register(hop, '<sip:b@10.0.0.2>');
    await server.until(() => server.documents.length === 2);
    await server.register(hop, '<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:1>"', 0);
    await server.until(() => server.documents.length === 3);
    await server.register(hop, '<sip:b@10.0.0.2>', 0);
    await server.until(() => server.documents.length === 4);
    const told = server.documents.map(({ version, state, registrations: [one] }) => [
      version,
      state,
      one?.state,
      ...(one?.contacts ?? []).map(({ uri, event }) => `${uri} ${event}`),
    ]);
    assert.deepEqual(told.slice(1), [
      [1, 'partial', 'active', 'sip:b@10.0.0.2 registered'],
      [2, 'partial', 'active', 'sip:a@10.0.0.1 unregistered'],
      [3, 'partial', 'terminated', 'sip:b@10.0.0.2 unregistered'],
    ]);
    await subscription.refresh(600);
    await server.until(() => server.documents.length === 5);
    assert.deepEqual([server.documents[4]?.version, server.documents[4]?.state], [4, 'full']);
    await subscription.end();
    await server.until(() => server.log.includes('terminated timeout'));
    assert.equal(server.agent.dialogs, 0);
  });

  it('tells of a user who has no contact yet, and of one whose contact is renewed within the same millisecond', async () => {
    await begin({ clock: new FakeClock() });
    server.subscribe(hop);
    await server.until(() => server.documents.length === 1);
    assert.deepEqual(
      server.documents[0]?.registrations.map(({ state, contacts }) => [state, contacts.length]),
      [['init', 0]],
    );
    await server.register(hop, '<sip:a@10.0.0.1>');
    await server.until(() => server.documents.length === 2);
    await server.register(hop, '<sip:a@10.0.0.1>', 90);
    await server.until(() => server.documents.length === 3);
    assert.equal(server.documents[2]?.registrations[0]?.contacts[0]?.event, 'shortened');
  });

  it('tells by UDP what is too large for it, where nobody listens for TCP', async () => {
    await begin();
    for (let i = 0; i < 6; i++)
      await server.register(hop, `<sip:a@10.0.0.${i}>;+sip.instance="<urn:uuid:${i}>";+g.long="${'x'.repeat(200)}"`);
    server.subscribe(hop);
    await server.until(() => server.documents.length === 1);
    assert.equal(server.documents[0]?.registrations[0]?.contacts.length, 6);
    await server.register(hop, '<sip:b@10.0.0.9>');
    await server.until(() => server.documents.length === 2);
  });

  it('leaves feature tags out where it is told to, as some cores do', async () => {
    await begin({ regEvent: { everyone: true, features: 'instance' } });
    await server.register(hop, '<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:1>";+g.oma.pusheventapp="mms.ua"');
    server.subscribe(hop);
    await server.until(() => server.documents.length === 1);
    assert.deepEqual(server.documents[0]?.registrations[0]?.contacts[0]?.params, [
      { name: '+sip.instance', value: '<urn:uuid:1>' },
    ]);
  });

  it('answers a subscription that only asks once with one document', async () => {
    await begin();
    server.subscribe(hop, { Expires: '0' });
    await server.until(() => server.log.includes('terminated timeout'));
    assert.equal(server.documents.length, 1);
  });

  for (const [what, headers, uri, answer] of [
    ['for another type', { Accept: 'application/pidf+xml' }, ALICE, `refused 406 ${REGINFO_TYPE}`],
    ['for too short a time', { Expires: '5' }, ALICE, 'refused 423 60'],
    ['to nobody', {}, 'sip:example.com', 'refused 404'],
    ['in a dialog that is not there', { To: `<${ALICE}>;tag=x` }, ALICE, 'refused 481'],
    ['without Contact', { Contact: '' }, ALICE, 'refused 400'],
  ] as const) {
    it(`refuses a SUBSCRIBE ${what}`, async () => {
      await begin();
      server.subscribe(hop, headers, uri);
      await server.until(() => server.log.length > 0);
      assert.deepEqual(server.log, [answer]);
    });
  }

  it('refuses strangers', async () => {
    await begin({ regEvent: { watchers: ['192.0.2.1'] } });
    server.subscribe(hop);
    await server.until(() => server.log.length > 0);
    assert.deepEqual(server.log, ['refused 403']);
  });

  it('leaves other packages to the devices, and its own too where there is none', async () => {
    await begin({ regEvent: false });
    server.subscribe(hop);
    server.subscribe(hop, { Event: 'presence' });
    await server.until(() => server.log.length === 2);
    assert.deepEqual(server.log, ['refused 480', 'refused 480']);
  });
});
