import assert from 'node:assert/strict';
import { FREE_PORTS, startCli, temporaryDirectory } from '../../support/cli.ts';

/** Ends the database threads, which say that they have opened a file, as a lack of memory would. */
const SABOTAGE = `
  const threads = [];
  process.on('worker', (thread) => thread.on('message', ({ type }) => type === 'opened' && threads.push(thread)));
  process.on('SIGUSR2', () => threads.forEach((thread) => thread.terminate()));`;

describe('drachtio-ppg serve whose database thread dies', function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  after(() => directory.remove());

  it('says so and ends with 1, so that whoever watches it starts it again', async () => {
    const env = { ...FREE_PORTS, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SABOTAGE)}` };
    const gateway = startCli(['serve'], { cwd: directory.path, env });
    await gateway.until(/\/pap/);
    process.kill(gateway.pid ?? 0, 'SIGUSR2');
    assert.equal(await gateway.ended, 1);
    assert.match(gateway.stderr, /the store is gone \(the thread ended\): stopping/);
  });
});
