import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { PapClient } from '../../../lib/cli/pap-client.ts';
import { Endpoint } from '../../support/pap-endpoint.ts';

describe('the PAP client', () => {
  it('says in the gateway’s words why it takes nothing by plain HTTP', async () => {
    const server = createServer((_request, response) =>
      response.writeHead(403, { Connection: 'close' }).end('this gateway takes PAP by HTTPS only\n\u001b[31mred'),
    );
    const endpoint = await Endpoint.of(server);
    const client = new PapClient({ url: `http://127.0.0.1:${endpoint.port}/pap`, user: 'a', password: 'b' });
    try {
      await assert.rejects(client.status('1'), {
        code: 'PPG_E_UNAUTHENTICATED',
        message: /takes nothing from this client \(HTTP 403\): this gateway takes PAP by HTTPS only$/,
      });
    } finally {
      await client.close();
      await endpoint.close();
    }
  });
});
