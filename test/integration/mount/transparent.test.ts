import assert from 'node:assert/strict';
import type { SipResponse } from '../../../lib/codec/sip/message.ts';
import type { HttpAnswer } from '../../support/pap-endpoint.ts';
import { realServer } from '../../support/sipd-net.ts';
import { DOMAIN, type ExpressMajor, type HostApp } from './host-app.ts';
import { type Form, Scene } from './scene.ts';

/** Headers that differ from one call to the next whoever answers. */
const VARYING = new Set(['via', 'call-id', 'to', 'from']);

const shown = ({ status, reason, headers, body }: SipResponse): unknown => ({
  status,
  reason,
  headers: headers.fields
    .filter(({ name }) => !VARYING.has(name.toLowerCase()))
    .map(({ name, value }) => `${name}: ${value.replace(/nonce="[^"]*"/, 'nonce=…').replace(/:\d{4,5}>/, ':port>')}`),
  body: body.toString(),
});

const shownHttp = ({ status, headers, text }: HttpAnswer): unknown => ({
  status,
  type: headers['content-type'],
  text,
});

/** Everything that users and web clients do with the app, and what they and the app's handlers see of it. */
async function tour(scene: Scene, app: HostApp): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  const [alice, bob, mallory] = [scene.user('alice'), scene.user('bob'), scene.user('mallory')];
  const contact = `<${scene.net.peer.uri('udp', 'bob')}>;+sip.instance="<urn:uuid:b>"`;
  const challenge = await bob.registerUnauthorized({ contact });
  seen['challenge'] = shown(challenge);
  seen['wrong password'] = shown(await bob.registerAuthorized(challenge, { contact, password: 'wrong' }));
  seen['unknown user'] = shown(await mallory.register({ contact }));
  seen['registered'] = shown(await bob.register({ contact }));
  seen['health'] = shownHttp(await app.http.post('', '', { method: 'GET', path: '/health' }));
  seen['relayed'] = shown(await alice.message(bob.aor, 'héllo bob'));
  seen['relayed body'] = scene.net.peer.requests.at(-1)?.body.toString();
  scene.net.peer.requests.length = 0;
  seen['not registered'] = shown(await alice.message(`sip:carol@${DOMAIN}`, 'hello carol'));
  seen['to the app'] = shown(await alice.message(scene.appUri, 'hello app'));
  seen['options'] = shown(await alice.ask({ method: 'OPTIONS', uri: scene.appUri }));
  seen['options of a user'] = shown(await alice.ask({ method: 'OPTIONS', uri: bob.aor }));
  seen['next(error)'] = shown(await alice.message(bob.aor, 'refuse'));
  seen['thrown'] = shown(await alice.message(bob.aor, 'throw'));
  seen['thrown, handled by nobody'] = shown(await alice.message(bob.aor, 'throw hard'));
  seen['error with status'] = shown(await alice.ask({ method: 'INFO', uri: bob.aor }));
  seen['method of nobody'] = shown(await alice.ask({ method: 'SUBSCRIBE', uri: bob.aor }));
  // a real server never answers it
  if (realServer === undefined) seen['unknown method'] = shown(await alice.ask({ method: 'FROBNICATE', uri: bob.aor }));
  seen['left'] = shown(await bob.register({ contact, expires: 0 }));
  seen['json'] = shownHttp(await app.http.post('{"a":[1]}', 'application/json', { path: '/echo' }));
  seen['bad json'] = shownHttp(await app.http.post('{"a":', 'application/json', { path: '/echo' }));
  seen['not json'] = shownHttp(await app.http.post('<a/>', 'application/xml', { path: '/echo' }));
  seen['no such path'] = (await app.http.post('', '', { path: '/nothing' })).status;
  seen['handlers saw'] = app.saw.map(({ method, uri, body, headers }) => ({
    method,
    uri: uri.replace(/:\d+$/, ''),
    body,
    names: Object.keys(headers),
    route: headers['contact']?.replace(/:\d+>/, '>'),
  }));
  seen['error handlers saw'] = app.errors;
  return seen;
}

const MAJORS: readonly ExpressMajor[] = [5, 4];

describe('an app with the gateway in it', () => {
  let scene: Scene;
  const bare = new Map<ExpressMajor, Record<string, unknown>>();
  const said: unknown[][] = [];
  const { error } = console;

  before(async () => {
    // drachtio-srf tells of whatever a handler throws
    console.error = (...words: unknown[]) => void said.push(words);
    for (const express of MAJORS) {
      const alone = await new Scene().start();
      bare.set(express, await tour(alone, await alone.app({ express })));
      await alone.stop();
    }
  });
  after(() => {
    console.error = error;
  });
  beforeEach(async () => {
    scene = await new Scene().start();
    said.length = 0;
  });
  afterEach(() => scene.stop());

  const compare = (seen: Record<string, unknown>, express: ExpressMajor = 5): void => {
    for (const [what, answer] of Object.entries(bare.get(express) ?? assert.fail()))
      assert.deepEqual(seen[what], answer, what);
  };

  it('is compared with an app that does what it should', () => {
    const without = bare.get(5) ?? assert.fail();
    const statuses = Object.values(without).map((value) => (value as { status?: number }).status);
    for (const status of [200, 400, 401, 403, 480, 488, 500, 503]) assert.ok(statuses.includes(status), `${status}`);
    assert.equal(without['relayed body'], 'héllo bob');
    assert.deepEqual(without['error handlers saw'], [
      'MESSAGE: the relay refused',
      'MESSAGE: the relay fell over',
      'MESSAGE: the relay fell over, nobody knows why',
      'INFO: INFO was refused',
    ]);
  });

  for (const form of ['mount', 'chain'] as Form[]) {
    for (const express of MAJORS) {
      it(`answers as before (${form}, Express ${express})`, async () => {
        const { app } = await scene.appWithGateway(form, { express });
        const seen = await tour(scene, app);
        compare(seen, express);
        assert.equal(scene.core.requests.length, 0, 'and nothing leaves that nobody pushed');
        assert.ok(
          said.some(([first]) => String(first).includes('the relay fell over')),
          'errors are told as before',
        );
      });
    }
  }

  it('answers as before once the gateway has stopped', async () => {
    const { app, ppg } = await scene.appWithGateway();
    await ppg.stop();
    compare(await tour(scene, app));
  });
});
