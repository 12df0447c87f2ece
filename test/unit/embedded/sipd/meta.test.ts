import assert from 'node:assert/strict';
import {
  nokMeta,
  parseCommand,
  requestCameMeta,
  requestSentMeta,
  responseCameMeta,
  responseSentMeta,
  timeOfDay,
} from '../../../../lib/embedded/sipd/meta.ts';

const NOON = Date.UTC(2026, 8, 21, 12, 3, 4, 56);
const UDP = { protocol: 'udp', host: '192.0.2.1', port: 5060 } as const;
const tokens = (meta: string): string[] =>
  meta
    .slice(0, meta.endsWith('\r\n') ? -2 : undefined)
    .split('|')
    .slice(1);

describe('meta line', () => {
  it('reads the commands of an application', () => {
    assert.deepEqual(parseCommand(Buffer.from('i|authenticate|cymru|a,b')), {
      kind: 'authenticate',
      id: 'i',
      secret: 'cymru',
    });
    assert.deepEqual(parseCommand(Buffer.from('i|route|MESSAGE')), { kind: 'route', id: 'i', verb: 'message' });
    assert.deepEqual(parseCommand(Buffer.from('i|ping')), { kind: 'ping', id: 'i' });
    assert.equal(parseCommand(Buffer.from('i|route|')).kind, 'unknown');
    assert.equal(parseCommand(Buffer.from('')).kind, 'unknown');
    assert.equal(parseCommand(Buffer.from('i|sip||')).kind, 'unknown', 'no message follows');
  });

  it('reads where a message goes and leaves its octets alone', () => {
    const command = parseCommand(Buffer.from('i|sip|txn|dlg|sip:hop;transport=tcp\r\nA|B\r\n\r\n\xff', 'latin1'));
    assert.equal(command.kind, 'sip');
    if (command.kind !== 'sip') return;
    assert.deepEqual([command.transaction, command.dialog, command.route], ['txn', 'dlg', 'sip:hop;transport=tcp']);
    assert.equal(command.message.toString('latin1'), 'A|B\r\n\r\n\xff');
  });

  it('writes the time of day with microseconds', () => {
    assert.equal(timeOfDay(NOON), '12:03:04.056000');
  });

  it('puts every token where drachtio-srf looks for it', () => {
    const sent = ['OK', 'application', '9', 'udp', '192.0.2.1', '5060', '12:03:04.056000', 'txn'];
    assert.deepEqual(tokens(requestSentMeta('i', 9, UDP, NOON, 'txn')), ['response', 'i', ...sent, 'Msg sent:', '']);
    assert.deepEqual(tokens(responseSentMeta('i', 9, UDP, NOON, 'txn')), [
      ...['response', 'i', ...sent],
      ...['', '', 'Msg sent:', ''],
    ]);
    const came = ['sip', 'network', '9', 'udp', '192.0.2.1', '5060', '12:03:04.056000', 'txn', ''];
    assert.deepEqual(tokens(requestCameMeta(9, UDP, NOON, 'txn', '192.0.2.2', 5070)), [
      ...came,
      '192.0.2.2',
      '5070',
      '',
    ]);
    assert.deepEqual(tokens(responseCameMeta(9, UDP, NOON, 'txn')), [...came, '']);
  });

  it('keeps a reason in one token of one line', () => {
    assert.deepEqual(tokens(nokMeta('i', 'a|b\r\nc')), ['response', 'i', 'NOK', 'a b c']);
  });
});
