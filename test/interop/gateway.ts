import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, silentLogger } from '../../lib/base/log.ts';
import { loadConfig } from '../../lib/cli/config.ts';
import type { NodeConfig } from '../../lib/cli/config-schema.ts';
import { type Sink, startSink } from '../../lib/cli/demo/sink.ts';
import { type RunningNode, startNode } from '../../lib/cli/node.ts';
import { PapClient, type PushContent } from '../../lib/cli/pap-client.ts';
import { addressText } from '../../lib/cli/recipient.ts';
import type { ResultNotification, StatusQueryResult } from '../../lib/codec/pap/messages.ts';
import { formatHostPort, parseHostPort } from '../../lib/codec/sip/host.ts';
import type { EngineEvents } from '../../lib/model/engine-events.ts';
import type { Recipient } from '../../lib/model/push.ts';
import { REGISTRATION_LEARNED } from '../../lib/sip/registrations/registrations.ts';

export type Leg = 'drachtio' | 'direct';
export const LEGS: readonly Leg[] = ['drachtio', 'direct'];

export const DOMAIN = 'ims.localhost';
const INITIATOR = 'pi';
const WITHIN = 30_000; // ms

type StateChange = EngineEvents['state'];

export interface GatewayOptions {
  readonly leg: Leg;
  /** A core of the test's own; default: the one that the node starts. */
  readonly nextHop?: string;
  readonly registrations?: NodeConfig['sip']['registrations'];
  readonly route?: NodeConfig['sip']['route'];
  /** Whether devices are asked by OPTIONS; default `auto`. */
  readonly ask?: 'auto' | 'never';
  readonly limits?: NodeConfig['limits'];
  readonly retry?: NodeConfig['retry'];
  /** Name to password: the core asks for digest authentication. */
  readonly users?: Readonly<Record<string, string>>;
  /** Further variables, as `PPG_SIP_HOST`. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What happened so far, and those who wait for more. */
class Seen {
  readonly states: StateChange[] = [];
  readonly notifications: ResultNotification[] = [];
  /** Registrations that the gateway has learned, in order: address-of-record, whether it has one, number of devices. */
  readonly registrations: { aor?: string; registered?: boolean; devices?: number }[] = [];
  readonly #watchers = new Set<() => void>();

  add<T>(list: T[], one: T): void {
    list.push(one);
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves with what `look` finds, now or later; rejects after 30 s. */
  until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        this.#watchers.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(check);
        const states = this.states.map(({ pushId, state, code, cause }) => `${pushId} ${state} ${code} ${cause}`);
        reject(new Error(`waited ${WITHIN} ms for ${what}; so far:\n${states.join('\n')}`));
      }, WITHIN);
      this.#watchers.add(check);
      check();
    });
  }

  /** A logger that hears of registrations: nothing else tells when a third-party REGISTER has done its work. */
  logger(): Logger {
    return {
      ...silentLogger,
      debug: (fields: object | string, message?: string) => {
        if (message === REGISTRATION_LEARNED) this.add(this.registrations, fields as { aor?: string });
      },
    };
  }
}

/** A whole node on free ports of loopback with its store in a file, a Push Initiator beside it, and a place for logs. */
export class Gateway {
  readonly directory: string;
  readonly #node: RunningNode;
  readonly #client: PapClient;
  readonly #sink: Sink;
  readonly #seen: Seen;
  #pushes = 0;

  private constructor(directory: string, node: RunningNode, sink: Sink, seen: Seen) {
    this.directory = directory;
    this.#node = node;
    this.#sink = sink;
    this.#seen = seen;
    const url = `http://127.0.0.1:${node.ports.http}/pap`;
    this.#client = new PapClient({ url, user: INITIATOR, password: 'secret' });
    node.ppg.on('state', (change) => seen.add(seen.states, change));
  }

  static async start({
    leg,
    nextHop,
    registrations,
    route,
    ask,
    limits = {},
    retry = {},
    users,
    environment: more = {},
  }: GatewayOptions): Promise<Gateway> {
    const directory = mkdtempSync(join(tmpdir(), 'ppg-interop-'));
    const environment = {
      NODE_ENV: 'test',
      PPG_DOMAIN: DOMAIN,
      PPG_STORE: `sqlite:${join(directory, 'ppg.db')}`,
      PPG_INITIATORS: `${INITIATOR}:secret`,
      PPG_SIP_LEG: leg,
      ...(nextHop !== undefined && { PPG_NEXT_HOP: nextHop }),
      ...(ask !== undefined && { PPG_CAPABILITIES_ASK: ask }),
      ...more,
    };
    const config = loadConfig(environment, directory);
    const sip = { ...config.sip, ...(registrations !== undefined && { registrations }), ...(route && { route }) };
    const seen = new Seen();
    const sink = await startSink((notification) => seen.add(seen.notifications, notification));
    try {
      const node = await startNode(
        { ...config, sip, limits, retry, core: { ...config.core, users } },
        { log: seen.logger() },
      );
      return new Gateway(directory, node, sink, seen);
    } catch (error) {
      await sink.close();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** `host:port` where phones register. */
  get core(): string {
    return `127.0.0.1:${this.#node.ports.sip}`;
  }

  /** Where it takes SIP from the core. */
  get uri(): string {
    return `sip:${this.#node.announced}`;
  }

  /** Where it takes SIP from the core by TLS. */
  get tlsUri(): string {
    const { host } = parseHostPort(this.#node.announced);
    const { sipdTls, directTls } = this.#node.ports;
    return `sip:${formatHostPort({ host, port: sipdTls ?? directTls ?? 0 })};transport=tls`;
  }

  /** Submits a confirmed push to a user of the domain and answers its push-id. */
  push(user: string, content: PushContent): Promise<string> {
    return this.pushTo(`${user}@${DOMAIN}`, content);
  }

  /** As push, to a recipient in any form that {@link addressText} takes. */
  async pushTo(recipient: string, content: PushContent): Promise<string> {
    const pushId = `${++this.#pushes}@pi.localhost`;
    const { code, desc } = await this.#client.submit(
      {
        pushId,
        addresses: [addressText(recipient, 'ppg.localhost')],
        replaceMethod: 'all',
        progressNotes: false,
        notifyUrl: this.#sink.url,
        qos: { priority: 'medium', deliveryMethod: 'confirmed', networkRequired: false, bearerRequired: false },
      },
      content,
    );
    assert.equal(code, 1001, desc);
    return pushId;
  }

  /** The answer to a status query: state and code of the only recipient. */
  async status(pushId: string): Promise<Pick<StatusQueryResult, 'state' | 'code'>> {
    const { results } = await this.#client.status(pushId);
    const { state, code } = results[0] ?? assert.fail(`no status of ${pushId}`);
    return { state, code };
  }

  /** The only recipient as the store has it, with its attempts. */
  async recipient(pushId: string): Promise<Recipient> {
    const found = await this.#node.ppg.status(pushId, INITIATOR);
    return found?.recipients[0] ?? assert.fail(`no push ${pushId}`);
  }

  /** Resolves with the change to this state, also one that was before. */
  state(pushId: string, state: StateChange['state']): Promise<StateChange> {
    return this.#seen.until(`${pushId} to be ${state}`, () =>
      this.#seen.states.find((change) => change.pushId === pushId && change.state === state),
    );
  }

  /** Resolves with the result notification that the Push Initiator got. */
  notified(pushId: string): Promise<ResultNotification> {
    return this.#seen.until(`the result of ${pushId}`, () =>
      this.#seen.notifications.find((notification) => notification.pushId === pushId),
    );
  }

  /** Result notifications that came so far. */
  notifications(pushId: string): number {
    return this.#seen.notifications.filter((notification) => notification.pushId === pushId).length;
  }

  /** Resolves once the gateway has heard of the user, so often; the core answers the phone before it tells the gateway. */
  registered(user: string, times = 1): Promise<void> {
    return this.#learned(user, true, times);
  }

  /** Resolves once the gateway has heard that the user left. */
  left(user: string): Promise<void> {
    return this.#learned(user, false, 1);
  }

  async #learned(user: string, registered: boolean, times: number): Promise<void> {
    const aor = `sip:${user}@${DOMAIN}`;
    await this.#seen.until(
      `${aor} to ${registered ? 'register' : 'leave'}`,
      () => this.#seen.registrations.filter((one) => one.aor === aor && one.registered === registered)[times - 1],
    );
  }

  /** Resolves once the gateway's newest word on the user is that he is registered with so many devices. */
  async knows(user: string, devices: number): Promise<void> {
    const aor = `sip:${user}@${DOMAIN}`;
    await this.#seen.until(`${aor} to have ${devices} devices`, () => {
      const newest = this.#seen.registrations.findLast((one) => one.aor === aor);
      return newest?.registered === true && newest.devices === devices ? newest : undefined;
    });
  }

  /** Resolves once the gateway has heard of the user so many times, whatever it was. */
  async told(user: string, times: number): Promise<void> {
    const aor = `sip:${user}@${DOMAIN}`;
    await this.#seen.until(`word of ${aor}, ${times} times`, () => {
      const heard = this.#seen.registrations.filter((one) => one.aor === aor);
      return heard.length >= times ? heard : undefined;
    });
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.#node.stop();
    await this.#sink.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
