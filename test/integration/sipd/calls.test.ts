import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { randomToken } from '../../../lib/base/ids.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { ServerTransaction } from '../../../lib/stack/types.ts';
import {
  type AppDialogOf,
  type AppRequest,
  type AppResponse,
  CallNet,
  disconnect,
  noting,
  offer,
  SDP,
  until,
} from '../../support/call-net.ts';

const ok = (transaction: ServerTransaction): void =>
  transaction.respond(respondTo(transaction.request, 200, offer(6000)));
const quick = { t1: 20, t2: 80, t4: 100 };

describe('calls of drachtio-srf on sipd', () => {
  let net: CallNet;

  beforeEach(async () => {
    net = await new CallNet({ timers: quick }).start();
  });

  afterEach(async () => {
    await net.stop();
    assert.deepEqual([net.sipd.dialogs, net.sipd.held], [0, 0]);
  });

  /** An application that takes calls, and the dialogs it has. */
  async function answering(options: object = { localSdp: SDP }): Promise<AppDialogOf[]> {
    const dialogs: AppDialogOf[] = [];
    await net.app((app) =>
      app.use('invite', (req, res) => void app.createUAS(req, res, options).then((one) => dialogs.push(one))),
    );
    return dialogs;
  }

  describe('taken by the application', () => {
    it('are answered 100, 200 and acknowledged, and the peer hangs up', async () => {
      const dialogs = await answering();
      const { provisional, final, ended } = net.alice.call(net.port);
      const { response, dialog } = await final;
      assert.deepEqual([provisional, response.status, response.body.toString()], [[100], 200, SDP]);
      assert.equal(response.headers.get('Contact'), `<sip:127.0.0.1:${net.port}>`);
      await until(() => dialogs.length === 1);
      const [app] = dialogs;
      assert.equal(app?.id, `${app?.sip.callId};from-tag=${app?.sip.remoteTag}`);
      assert.equal(app?.remote.sdp, SDP);
      const gone = new Promise((resolve) => app?.on('destroy', resolve as () => void));
      await dialog?.end();
      await gone;
      assert.equal(await ended, 'local');
    });

    it('are ended by it', async () => {
      const dialogs = await answering();
      const { final, ended } = net.alice.call(net.port);
      await final;
      await until(() => dialogs.length === 1);
      await dialogs[0]?.destroy();
      assert.equal(await ended, 'remote');
    });

    it('have the To tag that it chooses', async () => {
      const dialogs = await answering({ localSdp: SDP, headers: { To: '<sip:x>;tag=chosen' } });
      const { dialog } = await net.alice.call(net.port).final;
      assert.equal(dialog?.state.remoteTag, 'chosen');
      await until(() => dialogs.length === 1);
      assert.equal(dialogs[0]?.sip.localTag, 'chosen');
    });

    it('are refused as it says', async () => {
      await net.app((app) => app.use('invite', (_req, res) => res.send(486, { headers: { 'X-Why': 'busy' } })));
      const { response } = await net.alice.call(net.port).final;
      assert.deepEqual([response.status, response.headers.get('X-Why')], [486, 'busy']);
    });

    it('are refused by the server: 503 without an application, 481 for a dialog that is none', async () => {
      assert.equal((await net.alice.call(net.port).final).response.status, 503);
      await answering();
      const { dialog } = await net.alice.call(net.port).final;
      for (const app of net.apps) disconnect(app);
      await until(() => net.sipd.clients === 0);
      assert.equal(net.sipd.dialogs, 0, 'they die with their application');
      const outcome = await dialog?.request('INVITE', offer());
      assert.ok(outcome?.kind === 'response' && outcome.response.status === 481);
    });

    it('are cancelled: 487 from the server, and the application hears of it', async () => {
      let cancelled = (): void => undefined;
      const heard = new Promise<void>((resolve) => {
        cancelled = resolve;
      });
      let late: Promise<unknown> | undefined;
      await net.app((app) =>
        app.use('invite', (req, res) => {
          req.on('cancel', () => {
            late = new Promise((resolve) => res.send(200, { body: SDP }, resolve));
            cancelled();
          });
          res.send(180);
        }),
      );
      const call = net.alice.call(net.port);
      await until(() => call.provisional.includes(180));
      call.cancel();
      assert.equal((await call.final).response.status, 487);
      await heard;
      assert.match(String(await late), /unknown transaction/);
    });

    it('are offered reliably, and the PRACK reaches the application', async () => {
      const seen: string[] = [];
      await net.app((app) =>
        app.use('invite', (req, res) => {
          res.send(183, { headers: { Require: '100rel' }, body: SDP }, undefined, (prack) => {
            seen.push(prack.method);
            void app.createUAS(req, res, { localSdp: SDP });
          });
        }),
      );
      const { final, provisional } = net.alice.call(net.port);
      const { response, dialog } = await final;
      assert.deepEqual([response.status, provisional, seen], [200, [100, 183], ['PRACK']]);
      await dialog?.end();
    });

    it('carry re-INVITE, INFO, MESSAGE and REFER both ways', async () => {
      const dialogs = await answering();
      const seen: string[] = [];
      net.alice.inDialog = { onRequest: noting(seen, ok) };
      const { dialog } = await net.alice.call(net.port).final;
      await until(() => dialogs.length === 1);
      const [app] = dialogs;
      assert.ok(app !== undefined && dialog !== undefined);
      const events: string[] = [];
      app.on('modify', ((req: AppRequest, res: AppResponse) => {
        events.push(`modify ${req.body.includes('m=audio 4100')}`);
        res.send(200, { body: SDP });
      }) as () => void);
      for (const name of ['info', 'message', 'refer'])
        app.on(name, ((_req: AppRequest, res: AppResponse) => {
          events.push(name);
          res.send(name === 'refer' ? 202 : 200);
        }) as () => void);
      const statuses: unknown[] = [];
      const ask = async (method: string, parts = {}): Promise<void> => {
        const outcome = await dialog.request(method, parts);
        statuses.push(outcome.kind === 'response' ? outcome.response.status : outcome.failure);
      };
      await ask('INVITE', offer(4100));
      await ask('INFO');
      await ask('MESSAGE');
      await ask('REFER', { headers: [{ name: 'Refer-To', value: '<sip:carol@example.com>' }] });
      assert.deepEqual(statuses, [200, 200, 200, 202]);
      assert.deepEqual(events, ['modify true', 'info', 'message', 'refer']);

      assert.match(await app.modify(SDP), /m=audio 6000/);
      for (const method of ['INFO', 'NOTIFY', 'REFER', 'UPDATE'])
        assert.equal(
          (await app.request({ method, headers: { Event: 'refer', 'Subscription-State': 'active' } })).status,
          200,
        );
      assert.deepEqual(seen, ['INVITE', 'INFO', 'NOTIFY', 'REFER']);
      await app.destroy();
    });

    it('without an ACK are repeated, and ended by a BYE of the server', async () => {
      const dialogs = await answering();
      const finals: number[] = [];
      const request = net.alice.request('INVITE', net.port, offer());
      request.headers.add('Contact', `<${net.alice.uri}>`);
      const byes: string[] = [];
      net.alice.agent.onRequest((transaction) => {
        byes.push(`${transaction.request.method} ${transaction.request.headers.get('Reason')}`);
        transaction.respond(respondTo(transaction.request, 200));
      });
      const hop = { protocol: 'udp', host: '127.0.0.1', port: net.port } as const;
      const listener = {
        onResponse: ({ status }: { status: number }) => void finals.push(status),
        onFailure: () => undefined,
      };
      net.alice.stack.invite(request, hop, listener);
      await until(() => dialogs.length === 1);
      const reason = new Promise((resolve) =>
        dialogs[0]?.on('destroy', ((_req: AppRequest, why: string) => resolve(why)) as () => void),
      );
      assert.equal(await reason, 'ACK timeout');
      await until(() => byes.length > 0);
      assert.match(byes[0] ?? '', /^BYE .*ACK timeout/);
      assert.ok(finals.filter((status) => status === 200).length > 3, 'repeated');
    });
  });

  it('whose CANCEL crosses the answer are 481 to it, and ended by the server', async () => {
    const dialogs = await answering();
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const at = `127.0.0.1:${socket.address().port}`;
    const seen: string[] = [];
    const callId = `Call-ID: ${randomToken()}`;
    const send = (method: string): void => {
      const lines = [
        `${method} sip:service@127.0.0.1:${net.port} SIP/2.0`,
        `Via: SIP/2.0/UDP ${at};branch=z9hG4bKcrossing`,
        'From: <sip:raw@example.com>;tag=raw',
        'To: <sip:service@example.com>',
        callId,
        `CSeq: 1 ${method}`,
        `Contact: <sip:raw@${at}>`,
        'Content-Length: 0',
      ];
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, net.port, '127.0.0.1');
    };
    socket.on('message', (octets) => {
      const text = octets.toString();
      const name = `${text.slice(0, 11)}/${/CSeq: \d+ (\w+)/.exec(text)?.[1]}`;
      if (!seen.includes(name)) seen.push(name);
      if (name === 'SIP/2.0 200/INVITE') send('CANCEL');
    });
    try {
      send('INVITE');
      await until(() => dialogs.length === 1);
      const reason = new Promise((resolve) =>
        dialogs[0]?.on('destroy', ((_req: AppRequest, why: string) => resolve(why)) as () => void),
      );
      assert.equal(await reason, 'request canceled');
      await until(() => seen.length === 4);
      assert.deepEqual(seen, ['SIP/2.0 100/INVITE', 'SIP/2.0 200/INVITE', 'SIP/2.0 481/CANCEL', 'BYE sip:raw/BYE']);
    } finally {
      socket.close();
    }
  });

  describe('made by the application', () => {
    it('are answered, changed and ended', async () => {
      const app = await net.app();
      const seen: string[] = [];
      net.bob.inDialog = { onRequest: noting(seen, ok) };
      const dialog = await app.createUAC(net.bob.uri, { localSdp: SDP, headers: { 'call-id': 'mine' } });
      assert.equal(dialog.id, `mine;from-tag=${dialog.sip.localTag}`);
      assert.match(dialog.remote.sdp, /m=audio 5000/);
      assert.match(await dialog.modify(SDP), /m=audio 6000/);
      const outside = await new Promise<AppResponse>((resolve, reject) =>
        app.request(net.bob.uri, { method: 'INFO', headers: { 'call-id': 'mine' } }, (error, request) => {
          if (error) reject(error);
          else request.on('response', resolve as () => void);
        }),
      );
      assert.equal(outside.status, 200, 'by its Call-ID it is in the dialog');
      await until(() => net.bob.calls[0]?.dialog.settled === true);
      const gone = new Promise((resolve) => dialog.on('destroy', resolve as () => void));
      await net.bob.calls[0]?.dialog.end();
      await gone;
      assert.deepEqual(seen, ['INVITE', 'INFO']);
    });

    it('are refused, and what the dialog was is gone', async () => {
      const app = await net.app();
      net.bob.onCall = (call) => call.reject(486);
      await assert.rejects(app.createUAC(net.bob.uri, { localSdp: SDP }), { status: 486 });
      await assert.rejects(app.createUAC('sip:a@127.0.0.1:9;transport=tcp', { localSdp: SDP }), { status: 503 });
    });

    it('are cancelled', async () => {
      const app = await net.app();
      net.bob.onCall = (call) => call.progress(180);
      const cancel = { cbRequest: () => undefined, cbProvisional: () => request?.cancel() };
      let request: AppRequest | undefined;
      cancel.cbRequest = ((_error: unknown, sent: AppRequest) => {
        request = sent;
      }) as () => undefined;
      await assert.rejects(app.createUAC(net.bob.uri, { localSdp: SDP }, cancel), { status: 487 });
      assert.equal(net.bob.agent.dialogs, 0);
    });

    /** Bob's stack answers INVITEs with a Contact of its choice, and notes what else comes. */
    function answerBare(contact: string | undefined): string[] {
      const seen: string[] = [];
      net.bob.stack.onRequest((transaction) => {
        const { request } = transaction;
        if (request.method === 'INVITE') {
          const headers = contact === undefined ? [] : [{ name: 'Contact', value: contact }];
          transaction.respond(respondTo(request, 200, { headers, toTag: 'b' }));
          return;
        }
        seen.push(`${request.method} ${request.uri}`);
        if (request.method !== 'ACK') transaction.respond(respondTo(request, 200));
      });
      return seen;
    }

    it('by a peer whose Contact is not where it sends from go where it sends from', async () => {
      const app = await net.app();
      const seen = answerBare('<sip:bob@192.0.2.7:5999>');
      const dialog = await app.createUAC(net.bob.uri, { localSdp: SDP });
      await dialog.destroy();
      assert.deepEqual(seen, ['ACK sip:bob@192.0.2.7:5999', 'BYE sip:bob@192.0.2.7:5999']);
    });

    it('that are answered without a Contact are no dialogs, and the server ends them', async () => {
      const app = await net.app();
      const seen = answerBare(undefined);
      await assert.rejects(app.createUAC(net.bob.uri, { localSdp: SDP }), { status: 500 });
      await until(() => seen.length === 2);
      assert.deepEqual(seen, [`ACK ${net.bob.uri}`, `BYE ${net.bob.uri}`]);
      assert.equal(net.sipd.dialogs, 0);
    });

    it('that were answered while they were cancelled are ended by the server, and the application hears it', async () => {
      const app = await net.app();
      let ended: string | undefined;
      // Whoever answers the CANCEL here answers the INVITE too.
      net.bob.stack.onRequest((transaction) => {
        const { request } = transaction;
        const contact = { headers: [{ name: 'Contact', value: `<${net.bob.uri}>` }] };
        if (request.method === 'INVITE') {
          transaction.onCancel?.(() => transaction.respond(respondTo(request, 200, { ...contact, toTag: 'b' })));
          transaction.respond(respondTo(request, 180, { toTag: 'b' }));
        } else if (request.method !== 'ACK') {
          ended = `${request.method} ${request.headers.get('Reason')}`;
          transaction.respond(respondTo(request, 200));
        }
      });
      let request: AppRequest | undefined;
      const events = {
        cbRequest: (_error: unknown, sent: AppRequest) => {
          request = sent;
        },
        cbProvisional: () => request?.cancel(),
      };
      const dialog = await app.createUAC(net.bob.uri, { localSdp: SDP }, events);
      const why = await new Promise((resolve) =>
        dialog.on('destroy', ((_req: AppRequest, reason: string) => resolve(reason)) as () => void),
      );
      assert.match(String(why), /cancel race/);
      await until(() => ended !== undefined);
      assert.match(ended ?? '', /^BYE .*cancel race/);
    });
  });

  it('are joined by a B2BUA: answer, re-INVITE, BYE; refusal; CANCEL', async () => {
    const joined: { uas: AppDialogOf; uac: AppDialogOf }[] = [];
    const failed: number[] = [];
    await net.app((app) =>
      app.use('invite', (req, res) => {
        app.createB2BUA(req, res, net.bob.uri).then(
          ({ uas, uac }) => {
            joined.push({ uas, uac });
            uas.on('modify', ((again: AppRequest, answer: AppResponse) => {
              void uac.modify(again.body).then((sdp) => answer.send(200, { body: sdp }));
            }) as () => void);
            uas.on('destroy', () => void uac.destroy());
            uac.on('destroy', () => void uas.destroy());
          },
          ({ status }) => failed.push(status),
        );
      }),
    );
    let ended = false;
    net.bob.inDialog = {
      onRequest: ok,
      onEnd: () => {
        ended = true;
      },
    };
    const { dialog, response } = await net.alice.call(net.port).final;
    assert.match(response.body.toString(), /m=audio 5000/);
    await until(() => joined.length === 1);
    const outcome = await dialog?.request('INVITE', offer(4200));
    assert.ok(outcome?.kind === 'response' && outcome.response.body.includes('m=audio 6000'));
    await dialog?.end();
    await until(() => ended);

    net.bob.onCall = (call) => call.reject(404);
    assert.equal((await net.alice.call(net.port).final).response.status, 404);

    net.bob.onCall = (call) => {
      call.progress(180);
      call.onCancel(() => failed.push(0));
    };
    const call = net.alice.call(net.port);
    await until(() => call.provisional.includes(180));
    call.cancel();
    assert.equal((await call.final).response.status, 487);
    await until(() => failed.length === 3);
    assert.deepEqual(failed.sort(), [0, 404, 487]);
    await until(() => net.sipd.dialogs === 0);
  });
});
