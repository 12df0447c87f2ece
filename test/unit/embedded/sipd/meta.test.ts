import assert from 'node:assert/strict';
import {
  cdrMeta,
  nokMeta,
  parseCommand,
  proxiedMeta,
  requestCameMeta,
  requestInDialogMeta,
  requestSentMeta,
  responseCameMeta,
  responseSentMeta,
  timeOfDay,
  unsolicitedMeta,
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

  it('reads what is to be proxied, and where', () => {
    const line = 'i|proxy|txn|remainInDialog|fullResponse||simultaneous|2s||sip:a|sip:b';
    const command = parseCommand(Buffer.from(`${line}\r\nINVITE sip:a SIP/2.0\r\n\r\n`));
    assert.ok(command.kind === 'proxy');
    const { message, ...rest } = command;
    assert.deepEqual(rest, {
      ...{
        kind: 'proxy',
        id: 'i',
        transaction: 'txn',
        remainInDialog: true,
        fullResponse: true,
        followRedirects: false,
      },
      ...{ simultaneous: true, provisionalTimeout: '2s', finalTimeout: '', destinations: ['sip:a', 'sip:b'] },
    });
    assert.equal(message.toString(), 'INVITE sip:a SIP/2.0\r\n\r\n');
    assert.equal(parseCommand(Buffer.from('i|proxy|txn\r\nx')).kind, 'unknown');
  });

  it('names the dialog, and nothing of it adds a token or a line', () => {
    const id = 'c|a\r\nll;from-tag=1';
    for (const meta of [
      responseCameMeta(9, UDP, NOON, 'txn', id),
      requestInDialogMeta(9, UDP, NOON, 'txn', id),
      unsolicitedMeta(9, UDP, NOON, id),
    ]) {
      assert.equal(tokens(meta)[8], 'c a ll;from-tag=1');
      assert.equal(tokens(meta).length, 10);
    }
    assert.equal(tokens(responseSentMeta('i', 9, UDP, NOON, 'txn', id))[10], 'c a ll;from-tag=1');
    assert.deepEqual(tokens(unsolicitedMeta(9, UDP, NOON, 'd')).slice(0, 2), ['sip', 'application']);
    assert.equal(tokens(unsolicitedMeta(9, UDP, NOON, 'd'))[7], 'unsolicited');
  });

  it('tells of what a proxied request met, and of calls', () => {
    assert.deepEqual(tokens(proxiedMeta('i', 9, UDP, NOON)), [
      ...['response', 'i', 'OK', 'network', '9', 'udp', '192.0.2.1', '5060', '12:03:04.056000', '', '', 'continue'],
    ]);
    assert.deepEqual(tokens(cdrMeta('cdr:attempt', 'network', NOON, undefined)), [
      'cdr:attempt',
      'network',
      '12:03:04.056000',
    ]);
    assert.equal(tokens(cdrMeta('cdr:stop', 'network', NOON, 'call-rejected'))[3], 'call-rejected');
  });

  it('shows WebSocket as the TCP that it runs on', () => {
    assert.equal(tokens(responseCameMeta(9, { ...UDP, protocol: 'ws' }, NOON, 'txn'))[3], 'tcp');
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
