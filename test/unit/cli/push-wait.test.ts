import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Clock } from '../../../lib/base/clock.ts';
import { push } from '../../../lib/cli/push.ts';
import { createTerminal, type Terminal } from '../../../lib/cli/terminal.ts';

/** Time passes where somebody waits for it, and nowhere else. */
function hastyClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    setTimeout: (callback, delay) =>
      setImmediate(() => {
        now += delay;
        callback();
      }),
    clearTimeout: (handle) => clearImmediate(handle as NodeJS.Immediate),
  };
}

describe('push --wait', () => {
  let server: Server;
  let url: string;
  /** What the next queries are answered; the last one stands. */
  let states: { state: string; code: number; desc: string }[];

  before(async () => {
    server = createServer((req, res) => {
      let body = '';
      req.setEncoding('latin1').on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        const { state, code, desc } = (body.includes('statusquery') && states.length > 1
          ? states.shift()
          : states[0]) ?? {
          state: 'delivered',
          code: 1000,
          desc: 'OK',
        };
        const told = body.includes('statusquery')
          ? `<statusquery-response push-id="p"><statusquery-result message-state="${state}" code="${code}" desc="${desc}"><address address-value="WAPPUSH=sip%3Aa%40b/TYPE=USER@ppg"/></statusquery-result></statusquery-response>`
          : '<push-response push-id="p"><response-result code="1001" desc="ok"/></push-response>';
        res.writeHead(202, { 'content-type': 'application/xml' });
        res.end(
          `<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"><pap>${told}</pap>`,
        );
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pap`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const WAITING = { state: 'pending', code: 1001, desc: 'accepted' };
  const AWAY = { state: 'pending', code: 4001, desc: 'the user is \u009b31m away' };
  const THERE = { state: 'delivered', code: 1000, desc: 'OK' };

  async function pushed(terminal: Terminal, json = false): Promise<number> {
    const options = { url, user: 'pi', pass: 'secret', to: ['sip:a@b'], type: 'text/plain', wait: true, json };
    return push('-', options, terminal, hastyClock());
  }

  function watched(columns?: number): { terminal: Terminal; err: () => string; out: () => string } {
    const [input, out, err] = [new PassThrough(), new PassThrough(), new PassThrough()];
    input.end('hello');
    const tty = { isTTY: columns !== undefined, ...(columns !== undefined && { columns }) };
    const terminal = createTerminal(() => input, Object.assign(out, { isTTY: false }), Object.assign(err, tty));
    // ESC [ K takes the rest of the line away
    const all = (stream: PassThrough) => (): string => String(stream.read() ?? '').replaceAll('\u001b[K', '<end>');
    return { terminal, err: all(err), out: all(out) };
  }

  beforeEach(() => {
    states = [...Array.from({ length: 6 }, () => WAITING), ...Array.from({ length: 4 }, () => AWAY), THERE];
  });

  it('shows on a terminal how long it has waited and for what, in one line that is gone at the end', async () => {
    const { terminal, err, out } = watched(40);
    assert.equal(await pushed(terminal), 0);
    const shown = err();
    const frames = shown.split('\r').filter((frame) => /^\d+ s {2}/.test(frame));
    assert.ok(frames.length > 10, shown);
    assert.match(frames[0] ?? '', /^0 s {2}1001 accepted<end>$/);
    assert.ok(
      frames.some((frame) => /^8 s {2}4001 the user is \?31m away/.test(frame)),
      shown,
    );
    for (const frame of frames) assert.ok((frame.split('<end>')[0] ?? '').length < 40, frame);
    assert.match(shown, /\r<end>$/, 'nothing is left of it');
    assert.match(shown, /\r<end>waiting: 4001/, 'what stays has a line of its own');
    assert.match(out(), /^sip:a@b: delivered.*\n$/);
  });

  it('says on a pipe what changes, and no more', async () => {
    const { terminal, err } = watched();
    assert.equal(await pushed(terminal), 0);
    const lines = err().trim().split('\n');
    assert.equal(lines.length, 3);
    for (const steering of ['\r', '\u001b', '\u009b', '<end>']) assert.ok(!lines.join().includes(steering));
  });

  it('says nothing beside JSON', async () => {
    const { terminal, err, out } = watched(80);
    assert.equal(await pushed(terminal, true), 0);
    assert.equal(err(), '');
    assert.equal(JSON.parse(out()).state, 'delivered');
  });

  it('shows no more than fits a narrow window', async () => {
    const { terminal, err } = watched(10);
    await pushed(terminal);
    for (const frame of err()
      .split(/[\r\n]/)
      .filter((frame) => /^\d+ s/.test(frame)))
      assert.ok((frame.split('<end>')[0] ?? '').length < 10, frame);
  });
});
