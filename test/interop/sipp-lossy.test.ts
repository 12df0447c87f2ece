import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SipHeaders, type SipRequest } from '../../lib/codec/sip/message.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import type { CallListener } from '../../lib/stack/client-call.ts';
import type { DialogEnd } from '../../lib/stack/dialog-host.ts';
import type { Hop } from '../../lib/stack/types.ts';
import { describeWith, SIPP } from '../support/debian.ts';
import { LossyPair } from './lossy.ts';

const LOSSES = { seed: 20260921, loss: 0.1, duplication: 0.1, reorder: 0.1 };
const CALLS = 200;
/** Of ours under way at once: sipp's socket takes a burst of some 126 datagrams. */
const AT_ONCE = 40;
/** sipp ends a call 3 s after its first ACK: with bad luck all five repetitions of a refusal are lost, or their ACKs. */
const UNLUCKY = 2;

describeWith(SIPP, 'sipp through a network that loses, repeats and reorders', function () {
  this.timeout(120_000);
  let directory: string;
  let pair: LossyPair;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'ppg-lossy-'));
  });
  beforeEach(() => {
    pair = new LossyPair(directory);
  });
  afterEach(() => pair.stop());
  after(() => rmSync(directory, { recursive: true, force: true }));

  async function nothingIsLeft(): Promise<void> {
    assert.deepEqual(await pair.leftovers(), { transactions: 0, dialogs: 0, timers: 0 });
    const { retransmissionsSent, retransmissionsAbsorbed } = pair.stack.counters;
    assert.ok(pair.dropped > CALLS / 10, `${pair.dropped} datagrams were lost`);
    assert.ok(retransmissionsSent + retransmissionsAbsorbed > CALLS / 10);
  }

  describe('calls the stack', () => {
    const start = (scenario: string): Promise<unknown> =>
      pair.start(scenario, ['-m', String(CALLS), '-r', '100', '-l', String(CALLS)], LOSSES);

    it(`${CALLS} MESSAGEs are each taken once and answered`, async () => {
      const taken: string[] = [];
      pair.agent.onRequest((transaction) => {
        taken.push(transaction.request.body.toString());
        transaction.respond(respondTo(transaction.request, 200));
      });
      await start('message-uac');
      await pair.finished();
      assert.equal(new Set(taken).size, CALLS);
      await nothingIsLeft();
      assert.equal(taken.length, CALLS);
    });

    it(`${CALLS} calls are answered once each and hung up`, async () => {
      const ends: DialogEnd[] = [];
      const calls = new Set<string | undefined>();
      pair.agent.onInvite((call) => {
        calls.add(call.request.headers.get('Call-ID'));
        call.progress(180);
        call.accept({}, { onEnd: (reason) => ends.push(reason) });
      });
      await start('answer-uac');
      await pair.finished();
      await nothingIsLeft();
      assert.equal(calls.size, CALLS);
      assert.deepEqual(
        ends,
        Array.from({ length: CALLS }, () => 'remote'),
      );
    });

    it(`${CALLS} calls are refused, and each refusal gets its ACK`, async () => {
      let calls = 0;
      pair.agent.onInvite((call) => {
        calls++;
        call.reject(486);
      });
      await start('busy-uac');
      await pair.finished();
      await nothingIsLeft();
      assert.equal(calls, CALLS);
      assert.ok(pair.acknowledged >= CALLS - UNLUCKY, `${pair.acknowledged} refusals were acknowledged`);
    });

    it(`${CALLS} calls are cancelled while they ring`, async () => {
      let [calls, cancelled] = [0, 0];
      pair.agent.onInvite((call) => {
        calls++;
        call.onCancel(() => cancelled++);
        call.progress(180);
      });
      await start('cancel-uac');
      await pair.finished();
      await nothingIsLeft();
      assert.deepEqual([calls, cancelled], [CALLS, CALLS]);
      assert.ok(pair.acknowledged >= CALLS - UNLUCKY, `${pair.acknowledged} refusals were acknowledged`);
    });
  });

  describe('is called by the stack', () => {
    let serial = 0;
    const start = (scenario: string): Promise<unknown> => pair.start(scenario, ['-m', String(CALLS)], LOSSES);
    const hop = (): Hop => ({ protocol: 'udp', host: '127.0.0.1', port: pair.toSipp });

    function request(method: string): SipRequest {
      const headers = new SipHeaders([
        { name: 'Max-Forwards', value: '70' },
        { name: 'From', value: `<sip:a@example.com>;tag=${pair.agent.newTag()}` },
        { name: 'To', value: '<sip:b@example.com>' },
        { name: 'Call-ID', value: `lossy-${++serial}` },
        { name: 'CSeq', value: `100 ${method}` },
      ]);
      return { kind: 'request', method, uri: `sip:b@127.0.0.1:${pair.toSipp}`, headers, body: Buffer.alloc(0) };
    }

    /** Makes all calls, a few at a time; `one` resolves with how it ended. */
    async function all(one: () => Promise<number | string>): Promise<(number | string)[]> {
      const ends: (number | string)[] = [];
      let begun = 0;
      const caller = async (): Promise<void> => {
        while (begun++ < CALLS) ends.push(await one());
      };
      await Promise.all(Array.from({ length: AT_ONCE }, caller));
      return ends;
    }

    /** Resolves with how it ended; a call that is answered is hung up. */
    const call = (listener: Partial<CallListener> = {}): Promise<number | string> =>
      new Promise((resolve) => {
        pair.agent.invite(request('INVITE'), hop(), {
          onAnswer: (dialog) => {
            resolve('answered');
            void dialog.end();
          },
          onRefused: ({ status }) => resolve(status),
          onFailure: (failure) => resolve(failure),
          ...listener,
        });
      });

    const each = (end: number | string): (number | string)[] => Array.from({ length: CALLS }, () => end);

    it(`${CALLS} MESSAGEs each get their answer once`, async () => {
      await start('message-uas');
      const ends = await all(
        () =>
          new Promise((resolve) => {
            pair.stack.request(request('MESSAGE'), hop(), {
              onResponse: ({ status }) => resolve(status),
              onFailure: (failure) => resolve(failure),
            });
          }),
      );
      assert.deepEqual(ends, each(200));
      await pair.finished();
      await nothingIsLeft();
    });

    it(`${CALLS} calls are answered, acknowledged and hung up`, async () => {
      await start('answer-uas');
      const byes: DialogEnd[] = [];
      const ends = await all(() => call({ dialog: { onEnd: (reason) => byes.push(reason) } }));
      assert.deepEqual(ends, each('answered'));
      await pair.finished();
      assert.deepEqual(byes, each('local'));
      await nothingIsLeft();
    });

    it(`${CALLS} calls are refused, and sipp has its ACK to each refusal`, async () => {
      await start('busy-uas');
      assert.deepEqual(await all(() => call()), each(486));
      await pair.finished();
      await nothingIsLeft();
    });

    it(`${CALLS} calls are cancelled, and sipp has its ACK to each 487`, async () => {
      await start('cancel-uas');
      const ends = await all(
        () =>
          new Promise((resolve) => {
            const made = pair.agent.invite(request('INVITE'), hop(), {
              onProvisional: () => made.cancel(),
              onAnswer: () => resolve('answered'),
              onRefused: ({ status }) => resolve(status),
              onFailure: (failure) => resolve(failure),
            });
          }),
      );
      assert.deepEqual(ends, each(487));
      await pair.finished();
      await nothingIsLeft();
    });
  });
});
