/** What the rows of bench/stack.ts share: a MESSAGE of a push's size, and messages in a stream. */

const CONTENT =
  '<?xml version="1.0"?>\r\n<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">\r\n' +
  '<si><indication href="http://pi.example.com/" action="signal-high">You have mail</indication></si>';

export const BODY: Buffer = Buffer.from(CONTENT, 'latin1');

export const URI = 'sip:+358400000000@ims.localhost;user=phone';

/** Header fields without Via and Content-Length. */
export const fieldsOf = (call: string): { name: string; value: string }[] => [
  { name: 'Max-Forwards', value: '70' },
  { name: 'From', value: `<sip:push@ims.localhost>;tag=${call}` },
  { name: 'To', value: '<sip:+358400000000@ims.localhost>' },
  { name: 'Call-ID', value: `${call}@ims.localhost` },
  { name: 'CSeq', value: '1 MESSAGE' },
  { name: 'P-Asserted-Identity', value: '<sip:push@ims.localhost>' },
  { name: 'Accept-Contact', value: '*;+g.oma.pusheventapp="wml.ua";require;explicit' },
  { name: 'Request-Disposition', value: 'fork, parallel' },
  { name: 'X-Wap-Push-Id', value: call },
  { name: 'X-Wap-Application-Id', value: 'x-wap-application:wml.ua' },
  { name: 'Content-Type', value: 'text/vnd.wap.si' },
];

/** The same as octets with slots named `call`, for those who send it without a stack. */
export function messageText(protocol: 'udp' | 'tcp', port: number): string {
  const call = '{call:9}bare';
  const via = `SIP/2.0/${protocol.toUpperCase()} 127.0.0.1:${port};branch=z9hG4bK${call};rport`;
  const fields = [
    { name: 'Via', value: via },
    ...fieldsOf(call),
    { name: 'Content-Length', value: String(BODY.length) },
  ];
  const lines = fields.map(({ name, value }) => `${name}: ${value}\r\n`);
  return `MESSAGE ${URI} SIP/2.0\r\n${lines.join('')}\r\n${CONTENT}`;
}

/** 200 with as little work as SIP allows. */
export function okTo(request: string): string {
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => {
    const at = request.indexOf(`\r\n${name}: `) + 2;
    const end = request.indexOf('\r\n', at);
    return `${request.slice(at, end)}${name === 'To' ? ';tag=d' : ''}\r\n`;
  });
  return `SIP/2.0 200 OK\r\n${copied.join('')}Content-Length: 0\r\n\r\n`;
}

const LENGTH = '\r\nContent-Length: ';

/** Cuts a stream into messages; for the bench's own peers, which write Content-Length in full. */
export class Cutter {
  #rest = '';

  push(chunk: Buffer): string[] {
    this.#rest += chunk.toString('latin1');
    const messages: string[] = [];
    for (;;) {
      const head = this.#rest.indexOf('\r\n\r\n');
      if (head < 0) return messages;
      const length = Number.parseInt(this.#rest.slice(this.#rest.indexOf(LENGTH) + LENGTH.length), 10);
      const end = head + 4 + length;
      if (this.#rest.length < end) return messages;
      messages.push(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end);
    }
  }
}
