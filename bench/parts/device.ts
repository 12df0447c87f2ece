import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { HttpFrames } from './http-frame.ts';
import { aorOf } from './pap-post.ts';
import { micros, portOf, runPart } from './part.ts';
import type { Seen } from './sink.ts';

export interface RegisterJob {
  /** Where the gateway takes third-party REGISTERs. */
  readonly gateway: number;
  readonly firstUser: number;
  readonly users: number;
  /** 0: the users leave. */
  readonly expires: number;
  /** A second. */
  readonly rate: number;
  /** The contacts have a `+sip.instance`, so that each device can be asked by name. */
  readonly named?: boolean;
}

export interface DeviceCommands {
  /** Of UDP. */
  port(): number;
  /** Of TCP. */
  streamPort(): number;
  reset(): void;
  seen(): Seen;
  /** Time of each MESSAGE since it was submitted, as its content tells; microseconds. */
  sinceSubmitted(): number[];
  /** Registers users as a core would; resolves when each has its 200. */
  register(job: RegisterJob): Promise<void>;
  /** Time of each MESSAGE since the REGISTER of its user; microseconds. */
  sinceRegistered(): number[];
  /** OPTIONS answered since it started. */
  asked(): number;
}

const ANSWER_WITHIN = 5000;
const AT = '?at=';

/** Every user's device: answers 200 to each MESSAGE with as little work as SIP allows. */
runPart(async (): Promise<DeviceCommands> => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const calls = new Set<string>();
  const submitted: number[] = [];
  const woken: number[] = [];
  const registeredAt = new Map<string, number>();
  const awaited = new Map<string, () => void>();
  let [repeated, lastAt, asked] = [0, 0, 0];

  function onMessage(text: string, answer: (text: string) => void): void {
    answer(okTo(text));
    const callId = headerOf(text, 'Call-ID');
    if (calls.has(callId)) {
      repeated++;
      return;
    }
    calls.add(callId);
    lastAt = micros();
    const at = text.indexOf(AT);
    if (at > 0) submitted.push(lastAt - Number.parseInt(text.slice(at + AT.length), 10));
    if (registeredAt.size === 0) return;
    const registered = registeredAt.get(uriIn(headerOf(text, 'To')));
    if (registered !== undefined) woken.push(lastAt - registered);
  }

  function onRequest(text: string, answer: (text: string) => void): void {
    if (text.startsWith('MESSAGE ')) onMessage(text, answer);
    else if (text.startsWith('OPTIONS ')) {
      asked++;
      answer(okTo(text, TOLD));
    } else if (text.startsWith('SIP/2.0 200')) awaited.get(headerOf(text, 'Call-ID'))?.();
  }

  socket.on('message', (octets, from) =>
    onRequest(octets.toString('latin1'), (text) => socket.send(text, from.port, from.address)),
  );
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const server = createServer((stream) => {
    const frames = new HttpFrames(); // a SIP message ends by the same rule
    stream.setNoDelay(true);
    stream.on('error', () => stream.destroy());
    stream.on('data', (chunk) => frames.push(chunk, (text) => onRequest(text, (answer) => stream.write(answer))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (): number => portOf(socket.address());

  function registerOne(job: RegisterJob, user: number): Promise<void> {
    const aor = aorOf(user);
    const callId = `register-${job.expires}-${user}`;
    const octets = Buffer.from(thirdPartyRegister(aor, callId, port(), job));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no 200 to the REGISTER of ${aor}`)), ANSWER_WITHIN);
      awaited.set(callId, () => {
        clearTimeout(timer);
        awaited.delete(callId);
        resolve();
      });
      if (job.expires > 0 && job.named !== true) registeredAt.set(aor, micros());
      socket.send(octets, job.gateway, '127.0.0.1');
    });
  }

  return {
    port,
    streamPort: () => portOf(server.address()),
    reset() {
      calls.clear();
      registeredAt.clear();
      submitted.length = 0;
      woken.length = 0;
      [repeated, lastAt] = [0, 0];
    },
    seen: () => ({ distinct: calls.size, repeated, lastAt }),
    sinceSubmitted: () => submitted,
    sinceRegistered: () => woken,
    asked: () => asked,
    async register(job) {
      const answers: Promise<void>[] = [];
      const startedAt = micros();
      while (answers.length < job.users) {
        const owed = Math.min(job.users, Math.ceil(((micros() - startedAt) / 1e6) * job.rate));
        while (answers.length < owed) answers.push(registerOne(job, job.firstUser + answers.length));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Promise.all(answers);
    },
  };
});

/** The value of a header that is written in full, as the gateway and drachtio do. */
function headerOf(text: string, name: string): string {
  const at = text.indexOf(`\r\n${name}: `) + name.length + 4;
  return text.slice(at, text.indexOf('\r\n', at));
}

const uriIn = (nameAddr: string): string => nameAddr.slice(nameAddr.indexOf('<') + 1, nameAddr.indexOf('>'));

/** What a device tells of itself (RFC 3261 section 11.2). */
const TOLD =
  'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE\r\nAccept: text/plain, application/*, text/vnd.wap.si\r\n' +
  'Supported: gruu, path\r\nUser-Agent: bench/1.0\r\n';

function okTo(request: string, more = ''): string {
  return (
    `SIP/2.0 200 OK\r\nVia: ${headerOf(request, 'Via')}\r\nFrom: ${headerOf(request, 'From')}\r\n` +
    `To: ${headerOf(request, 'To')};tag=d\r\nCall-ID: ${headerOf(request, 'Call-ID')}\r\n` +
    `CSeq: ${headerOf(request, 'CSeq')}\r\n${more}Content-Length: 0\r\n\r\n`
  );
}

/** What an S-CSCF sends to the gateway when a user has registered (3GPP TS 24.229 section 5.4.1.7). */
function thirdPartyRegister(
  aor: string,
  callId: string,
  port: number,
  { expires, gateway, named }: RegisterJob,
): string {
  const own = [
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${callId};rport`,
    'From: <sip:scscf.ims.localhost>;tag=core',
    `To: <${aor}>`,
    `Call-ID: ${callId}`,
    'CSeq: 1 REGISTER',
    'Max-Forwards: 70',
    `Contact: <sip:127.0.0.1:${port}>`,
    `Expires: ${expires}`,
  ];
  const register = [
    'REGISTER sip:ims.localhost SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKue${callId}`,
    `From: <${aor}>;tag=ue`,
    `To: <${aor}>`,
    `Call-ID: ue-${callId}`,
    'CSeq: 1 REGISTER',
    `Contact: <sip:ue@127.0.0.1:${port}>;+g.oma.pusheventapp="wml.ua"${named === true ? `;+sip.instance="<urn:x-bench:${callId}>"` : ''};expires=${expires}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
  const head = [`REGISTER sip:127.0.0.1:${gateway} SIP/2.0`, ...own];
  if (expires === 0) return [...head, 'Content-Length: 0', '', ''].join('\r\n');
  return [...head, 'Content-Type: message/sip', `Content-Length: ${register.length}`, '', register].join('\r\n');
}
