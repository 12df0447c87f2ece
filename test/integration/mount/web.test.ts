import assert from 'node:assert/strict';
import type { RequestHandler } from 'express';
import type { PapHttpHandler } from '../../../handlers/pap.ts';
import type { ExpressMajor } from './host-app.ts';
import { account, inState, Scene, submitByPap } from './scene.ts';

/** What XML body parsers do: they take any `…xml…` or multipart body and leave an object. */
const parserOfItsOwn: RequestHandler = (req, _res, next) => {
  req.resume().once('end', () => {
    req.body = { parsed: true };
    next();
  });
};

describe('PAP in an Express app', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await new Scene().start();
  });
  afterEach(() => scene.stop());

  for (const express of [5, 4] as ExpressMajor[]) {
    for (const papAt of ['before', 'after'] as const) {
      it(`works ${papAt} the app's JSON parser, and the parser works as well (Express ${express})`, async () => {
        const { app, ppg } = await scene.appWithGateway('mount', {
          express,
          papAt,
          initiators: [await account('shop')],
        });
        const delivered = inState(ppg, 'delivered');
        const answer = await submitByPap(app, 'shop');
        assert.ok(answer.message === 'push-response');
        assert.equal(answer.code, 1001);
        await delivered;
        const [push] = await scene.core.got(1);
        assert.equal(push?.body.toString(), 'hello');
        const json = await app.http.post('{"a":1}', 'application/json', { path: '/echo' });
        assert.equal(json.text, '{"got":{"a":1}}');
      });
    }

    it(`says by PAP that a parser has taken the body (Express ${express})`, async () => {
      const ppgs: { pap(): PapHttpHandler }[] = [];
      const shop = await account('shop');
      const app = await scene.app({
        express,
        mount: (srf) => {
          const ppg = scene.gateway(srf, { initiators: [shop] });
          ppgs.push(ppg);
          const pap = ppg.pap();
          const behindParser: PapHttpHandler = (req, res, next) =>
            parserOfItsOwn(req as never, res as never, () => pap(req, res, next));
          return { front: [ppg.middleware], pap: behindParser };
        },
      });
      const answer = await submitByPap(app, 'shop');
      assert.ok(answer.message === 'badmessage-response');
      assert.equal(answer.code, 2000);
      assert.match(answer.desc ?? '', /before express\.json\(\).*PPG_E_BODY_CONSUMED/);
    });
  }
});
