import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { CATALOGUE, ORACLES } from '../support/contents/catalogue.ts';
import { describeWith, XML2WBXML } from '../support/debian.ts';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** What the digest of push content types names, one after another; each must be in the catalogue. */
const TYPES = [
  'text/vnd.wap.si',
  'application/vnd.wap.sic',
  'text/vnd.wap.sl',
  'application/vnd.wap.slc',
  'text/vnd.wap.co',
  'application/vnd.wap.coc',
  'application/vnd.wap.sia',
  'text/vnd.wap.connectivity-xml',
  'application/vnd.wap.connectivity-wbxml',
  'application/vnd.wap.mms-message',
  'application/vnd.syncml.notification',
  'application/vnd.syncml.dm.notification',
  'application/vnd.syncml.ds.notification',
  'application/vnd.syncml.dm+wbxml',
  'application/vnd.syncml.dm+xml',
  'application/vnd.oma.drm.rights+xml',
  'application/vnd.oma.drm.rights+wbxml',
  'application/vnd.oma.dd+xml',
  'application/vnd.oma.drm.message',
  'application/vnd.oma.drm.content',
  'application/vnd.oma.drm.roap-trigger+wbxml',
  'text/vnd.wap.emn+xml',
  'application/vnd.wap.emn+wbxml',
  'application/vnd.wv.csp.cir',
  'application/vnd.omaloc-supl-init',
  'application/vnd.wap.loc+xml',
  'application/vnd.wap.locc+wbxml',
  'text/vnd.wap.wml',
  'application/vnd.wap.wmlc',
  'application/vnd.wap.multipart.mixed',
  'application/vnd.wap.multipart.related',
  'application/vnd.wap.multipart.alternative',
  'application/vnd.oma.push',
  'text/plain',
  'text/html',
  'application/json',
  'application/octet-stream',
];

describe('REQ10: every type of content reaches the phone octet for octet', function () {
  this.timeout(60_000);

  it('the catalogue has them all', () => {
    const there = new Set(Object.values(CATALOGUE).map(({ type }) => type.split(';')[0]));
    assert.deepEqual(
      TYPES.filter((type) => !there.has(type)),
      [],
    );
  });

  for (const leg of ['direct', 'drachtio'] as const) {
    describe(`over the ${leg} leg`, () => {
      let scene: Scene;
      let phone: Awaited<ReturnType<Scene['phone']>>;
      before(async () => {
        const [port = 0] = await freePorts(1);
        scene = await Scene.of({
          config: {
            http: { host: '127.0.0.1', port },
            content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
            msrp: { enabled: true, port: 0 },
          },
          sip: { leg },
        });
        const applications = [...new Set(Object.values(CATALOGUE).map(({ tag }) => tag))];
        phone = await scene.phone('alice', { applications, msrp: {} });
      });
      after(() => scene.close());

      for (const [what, { type, application, body }] of Object.entries(CATALOGUE)) {
        it(`${what}: ${type.split(';')[0]}, ${body.length} octets`, async () => {
          const seen = phone.pushes.length;
          const headers = application === undefined ? [] : [`X-Wap-Application-Id: ${application}`];
          const wishes = { pushId: what, to: [`sip:alice@${DOMAIN}`], attributes: scene.notify };
          assert.equal(await scene.code('shop', { ...wishes, headers, type, body }), 1001);
          const push = await until(() => phone.pushes[seen]);
          assert.equal(push.body.toString('hex'), body.toString('hex'));
          assert.equal(push.contentType, type);
          assert.equal(push.applicationId, application);
          const { state, code } = await until(() => scene.notified(what)[0]);
          assert.deepEqual([state, code, phone.pushes.length], ['delivered', 1000, seen + 1]);
        });
      }
    });
  }
});

describeWith(XML2WBXML, 'REQ10: compiled documents of the catalogue', () => {
  for (const [xml, wbxml] of ORACLES) {
    it(`${/<([\w:-]+)[ >]/.exec(xml.replace(/<[?!][^>]*>/g, ''))?.[1]} is what libwbxml makes of it`, () => {
      const { status, stdout } = spawnSync('xml2wbxml', ['-v', '1.3', '-k', '-o', '-', '-'], {
        input: xml,
        timeout: 20_000,
      });
      assert.equal(status, 0);
      assert.equal(stdout.toString('hex'), wbxml.toString('hex'));
    });
  }
});
