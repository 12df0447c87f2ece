import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Logger, silentLogger } from '../../lib/base/log.ts';
import { loadConfig } from '../../lib/cli/config.ts';
import { startNode } from '../../lib/cli/node.ts';
import { temporaryDirectory } from '../support/cli.ts';
import { freePorts } from '../support/ports.ts';

describe('a node that cannot start', () => {
  const directory = temporaryDirectory();
  after(() => directory.remove());

  /** What it says and what it logs that worries. */
  async function refusal(
    environment: Record<string, string>,
  ): Promise<{ code: unknown; text: string; logged: string[] }> {
    const logged: string[] = [];
    const note = (_fields: unknown, text?: string): void => void logged.push(String(text));
    const log: Logger = { ...silentLogger, warn: note, error: note };
    try {
      const node = await startNode(loadConfig({ NODE_ENV: 'test', ...environment }), { log });
      await node.stop();
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      return { code, text: message, logged };
    }
    throw new Error('it started');
  }

  const tcpPorts: readonly (readonly [variable: string, what: string])[] = [
    ['PPG_HTTP_PORT', 'HTTP'],
    ['PPG_SIPD_PORT', "SIP of the gateway's server"],
    ['PPG_DRACHTIO_PORT', 'drachtio protocol'],
    ['PPG_DIRECT_PORT', 'SIP of the direct leg'],
    ['PPG_MSRP_PORT', 'MSRP'],
    ['PPG_SIP_PORT', 'SIP, where phones register'],
    ['PPG_SIP_WS_PORT', 'SIP, where phones register, by WebSocket'],
  ];
  for (const [variable, what] of tcpPorts) {
    it(`names the port that ${variable} sets and another program has, and nothing else`, async () => {
      const [port = 0] = await freePorts(1);
      const taken = createServer();
      taken.listen(port, '127.0.0.1');
      await once(taken, 'listening');
      try {
        const { code, text, logged } = await refusal({ [variable]: String(port) });
        assert.equal(code, 'PPG_E_LISTEN');
        assert.ok(text.startsWith(`port ${port} (${what}) on 127.0.0.1 is in use;`), text);
        assert.ok(text.includes(`set ${variable} to another port`), text);
        assert.deepEqual(logged, []);
      } finally {
        taken.close();
      }
    });
  }

  it('tells of a UDP port that is taken in one line, and not in the log besides', async () => {
    const [port = 0] = await freePorts(1);
    const taken = createSocket('udp4').bind(port, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { text, logged } = await refusal({ PPG_SIPD_PORT: String(port) });
      assert.match(text, new RegExp(`^port ${port} .* is in use; .* set PPG_SIPD_PORT`));
      assert.deepEqual(logged, []);
    } finally {
      taken.close();
    }
  });

  it('names the address that is not its own by the variable', async () => {
    for (const variable of ['PPG_SIP_HOST', 'PPG_HTTP_HOST']) {
      const { code, text } = await refusal({ [variable]: '203.0.113.7' });
      assert.equal(code, 'PPG_E_LISTEN');
      assert.ok(text.includes('203.0.113.7 is no address of this machine'), text);
      assert.ok(text.includes(`set ${variable} to one that is`), text);
    }
  });

  it('takes a store that cannot be opened for no port, and names it by its variable', async () => {
    const folder = directory.file('folder.db');
    mkdirSync(folder);
    const garbage = directory.file('garbage.db');
    writeFileSync(garbage, 'this is no database, it only has the name of one'.repeat(100));
    for (const file of [folder, garbage]) {
      const { code, text, logged } = await refusal({ PPG_STORE: `sqlite:${file}` });
      assert.equal(code, 'PPG_E_STORE');
      assert.ok(text.startsWith('ppg.store (PPG_STORE): ') && text.includes(file), text);
      assert.deepEqual(logged, []);
    }
  });

  it('names a certificate that cannot be read by its variable', async () => {
    const missing = directory.file('missing.pem');
    for (const prefix of ['PPG_SIP_TLS', 'PPG_HTTP_TLS', 'PPG_MSRP_TLS']) {
      const { code, text } = await refusal({ [`${prefix}_CERT`]: missing, [`${prefix}_KEY`]: missing });
      assert.equal(code, 'PPG_E_CONFIG');
      assert.ok(text.includes(`(${prefix}_CERT): cannot be read`), text);
    }
  });
});
