import assert from 'node:assert/strict';
import { describeWith, SIPP } from '../support/debian.ts';
import { DOMAIN, Gateway, LEGS } from './gateway.ts';
import type { Transport } from './ports.ts';
import { register, SippDevice, type SippDeviceOptions } from './sipp.ts';
import type { LoggedMessage } from './sipp-log.ts';

const INSTANCE = 'urn:uuid:6f1c2b0e-5d7a-4c39-9a55-0c0f5f0b7d01';
/** UTF-8 of several lengths, line ends and what printf and SIP take for marks. */
const TEXT = 'Grüße, 世界 🙂\r\n%s [call_id] \\n\tSIP/2.0 200 OK\n\nend';

const text = {
  type: 'text/plain;charset=utf-8',
  headers: { 'X-Wap-Application-Id': 'x-wap-application:mms.ua' },
  body: Buffer.from(TEXT),
};

/** Every octet but NUL, at which sipp's log would end. */
const OCTETS = Buffer.from(Array.from({ length: 255 }, (_, at) => 255 - at));

const binary = (body: Buffer) => ({ ...text, type: 'application/vnd.wap.mms-message', body });

/** Answers after which a push is over. */
const FINAL = [
  { answer: '200 OK', means: 'delivered', state: 'delivered', code: 1000 },
  {
    answer: '415 Unsupported Media Type',
    header: 'Accept: text/html',
    means: 'aborted with 5238',
    state: 'aborted',
    code: 5238,
  },
] as const;

/** Answers that ask for another try in a second. */
const LATER = [
  { answer: '486 Busy Here', header: 'Retry-After: 1' },
  { answer: '503 Service Unavailable', header: 'Retry-After: 1 (restarting);duration=10' },
] as const;

for (const leg of LEGS) {
  describeWith(SIPP, `sipp as the device, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let gateway: Gateway;
    let devices = 0;
    const open: SippDevice[] = [];

    before(async () => {
      // a scenario of sipp is one call: the question would take the place of the push
      gateway = await Gateway.start({ leg, ask: 'never' });
    });
    afterEach(async () => {
      for (const device of open.splice(0)) await device.end();
    });
    after(async () => {
      await gateway?.stop();
    });

    /** A registered device of a user of its own, and a way to register it again. */
    async function device(transport: Transport, options: Pick<SippDeviceOptions, 'scenario' | 'answer' | 'header'>) {
      const user = `device${++devices}`;
      const { core, directory } = gateway;
      const sipp = await SippDevice.start({ core, directory, transport, name: user, ...options });
      open.push(sipp);
      const registration = {
        ...{ core, directory, transport, user, domain: DOMAIN, contact: sipp.contact },
        ...{ instance: INSTANCE, applications: 'wml.ua,mms.ua' },
      };
      const again = (): Promise<void> => register(registration);
      await again();
      await gateway.registered(user);
      return { user, sipp, again };
    }

    for (const transport of ['udp', 'tcp'] as const) {
      describe(transport, () => {
        for (const { answer, means, state, code, ...rest } of FINAL) {
          it(`${answer}: ${means}`, async () => {
            const { user, sipp } = await device(transport, { scenario: 'answer', answer, ...rest });
            const pushId = await gateway.push(user, text);
            const notification = await gateway.notified(pushId);
            await sipp.finished();
            assert.deepEqual([notification.state, notification.code], [state, code]);
            assert.equal(notification.qos?.deliveryMethod, 'confirmed');
            assert.deepEqual(await gateway.status(pushId), { state, code });
            const { attempts } = await gateway.recipient(pushId);
            assert.deepEqual(
              attempts.map((attempt) => attempt.leg),
              [leg],
            );
          });
        }

        it('202 Accepted: waits for the confirmation of the device, which PAP calls pending', async () => {
          const { user, sipp } = await device(transport, { scenario: 'answer', answer: '202 Accepted' });
          const pushId = await gateway.push(user, text);
          const { cause } = await gateway.state(pushId, 'awaiting-confirmation');
          await sipp.finished();
          assert.equal(cause, 'sip 202 Accepted');
          assert.deepEqual(await gateway.status(pushId), { state: 'pending', code: 1000 });
          assert.equal(gateway.notifications(pushId), 0);
        });

        it('480 Temporarily Unavailable: pending, and delivered when the device registers again', async () => {
          const { user, sipp, again } = await device(transport, {
            scenario: 'answer-then-ok',
            answer: '480 Temporarily Unavailable',
          });
          const pushId = await gateway.push(user, text);
          const waiting = await gateway.state(pushId, 'pending');
          assert.ok((waiting.due ?? 0) - waiting.at > 60_000, 'not to be tried soon without a registration');
          assert.deepEqual(await gateway.status(pushId), { state: 'pending', code: 4001 });
          assert.equal(gateway.notifications(pushId), 0);
          await again();
          assert.equal((await gateway.notified(pushId)).code, 1000);
          await sipp.finished();
          assertRetry(sipp.messages());
        });

        for (const { answer, header } of LATER) {
          it(`${answer} with ${header}: tried again after that second, and delivered`, async () => {
            const { user, sipp } = await device(transport, { scenario: 'answer-then-ok', answer, header });
            const pushId = await gateway.push(user, text);
            await gateway.state(pushId, 'pending');
            assert.deepEqual(await gateway.status(pushId), { state: 'pending', code: 4001 });
            assert.equal((await gateway.notified(pushId)).code, 1000);
            await sipp.finished();
            assertRetry(sipp.messages());
            const [refused, taken] = (await gateway.recipient(pushId)).attempts;
            const waited = (taken?.startedAt ?? 0) - (refused?.endedAt ?? 0);
            assert.ok(waited >= 990 && waited < 3000, `tried again after ${waited} ms`);
          });
        }

        it('carries text octet for octet, with what a device needs to know it by', async () => {
          const { user, sipp } = await device(transport, { scenario: 'answer' });
          const pushId = await gateway.push(user, text);
          await gateway.notified(pushId);
          await sipp.finished();
          const message = only(sipp.messages());
          assert.equal(message.body.toString('utf8'), TEXT);
          assert.deepEqual(message.all('Content-Type'), ['text/plain;charset=utf-8']);
          assert.deepEqual(message.all('Content-Length'), [String(text.body.length)]);
          assert.deepEqual(message.all('X-Wap-Application-Id'), ['x-wap-application:mms.ua']);
          assert.deepEqual(message.all('Accept-Contact'), [
            `*;+sip.instance="<${INSTANCE}>";require;explicit`,
            '*;+g.oma.pusheventapp="mms.ua";require;explicit',
          ]);
          assert.deepEqual(message.all('CSeq'), ['1 MESSAGE']);
          assert.deepEqual(message.all('From').map(withoutTag), [`<sip:push@${DOMAIN}>`]);
          assert.deepEqual(message.all('To'), [`<sip:${user}@${DOMAIN}>`]);
        });

        if (leg === 'direct') {
          it('carries binary content octet for octet', async () => {
            const { user, sipp } = await device(transport, { scenario: 'answer' });
            const pushId = await gateway.push(user, binary(OCTETS));
            assert.equal((await gateway.notified(pushId)).code, 1000);
            await sipp.finished();
            const message = only(sipp.messages());
            assert.deepEqual(message.body, OCTETS);
            assert.deepEqual(message.all('Content-Type'), ['application/vnd.wap.mms-message']);
          });

          it('carries NULs: sipp counts every octet of the body', async () => {
            const { user, sipp } = await device(transport, { scenario: 'answer' });
            const body = Buffer.from([0x8c, 0x82, 0, 0, 0x98, 0x41, 0, 0xff, 0xfe, 0]);
            const pushId = await gateway.push(user, binary(body));
            assert.equal((await gateway.notified(pushId)).code, 1000);
            await sipp.finished();
            const message = only(sipp.messages());
            assert.equal(message.size - message.head, body.length);
            assert.deepEqual(message.body, body.subarray(0, body.indexOf(0)), 'what its log has, up to the first NUL');
          });
        }
      });
    }
  });
}

function only(messages: readonly LoggedMessage[]): LoggedMessage {
  assert.equal(messages.length, 1);
  return messages[0] ?? assert.fail();
}

const withoutTag = (value: string): string => value.replace(/;tag=.*/, '');

/** A retry is known by Call-ID, From tag and push identity; a CSeq that rose makes it no retransmission. */
function assertRetry(messages: readonly LoggedMessage[]): void {
  const [first, second] = messages;
  assert.equal(messages.length, 2);
  for (const name of ['Call-ID', 'From', 'X-Wap-Push-Id']) {
    assert.equal(first?.all(name).length, 1, name);
    assert.deepEqual(second?.all(name), first?.all(name), name);
  }
  assert.deepEqual(first?.all('CSeq'), ['1 MESSAGE']);
  assert.deepEqual(second?.all('CSeq'), ['101 MESSAGE']);
  assert.deepEqual(second?.body, first?.body);
}
