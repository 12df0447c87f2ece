import { createHash } from 'node:crypto';
import { PpgError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { ResultNotification } from '../../codec/pap/messages.ts';
import type { Phone } from '../../embedded/phone/phone.ts';
import type { ReceivedPush } from '../../embedded/phone/push-log.ts';
import { isTerminal } from '../../model/states.ts';
import type { RunningNode } from '../node.ts';
import type { PapClient, PushContent } from '../pap-client.ts';
import type { Timeline } from './timeline.ts';

/** Everybody who takes part. */
export interface Stage {
  readonly node: RunningNode;
  readonly phone: Phone;
  readonly client: PapClient;
  /** Account of the Push Initiator. */
  readonly initiator: string;
  readonly notifyUrl: string;
  /** Called with what arrives at the Push Initiator. */
  onNotification: (notification: ResultNotification) => void;
  readonly timeline: Timeline;
}

export interface Act {
  readonly title: string;
  readonly what: string;
  /** Address text of the recipient. */
  readonly to: string;
  readonly content: PushContent;
  /** The leg that has to carry it. */
  readonly leg: 'direct' | 'drachtio';
}

const WITHIN = 15_000; // ms

/**
 * Plays one confirmed push from submission to the Push Initiator's answer to its result notification, and checks what
 * came of it. Rejects with PPG_E_STATE when anything is not as it must be.
 */
export async function play(stage: Stage, act: Act): Promise<void> {
  const { node, client, timeline, notifyUrl, initiator } = stage;
  const pushId = `demo-${randomToken(6)}@pi.localhost`;
  timeline.begin(act.title);
  const end = watch(stage, pushId);
  const { body } = act.content;
  timeline.step(
    'PI',
    `POST /pap: push-message ${pushId}, ${act.what}, ${body.length} octets${nulsOf(body)}, confirmed`,
  );
  const answer = await client.submit(
    {
      pushId,
      addresses: [act.to],
      replaceMethod: 'all',
      progressNotes: false,
      notifyUrl,
      qos: { priority: 'high', deliveryMethod: 'confirmed', networkRequired: false, bearerRequired: false },
    },
    act.content,
  );
  timeline.step('PI', `push-response ${answer.code} ${answer.desc}`);
  if (answer.code !== 1001) throw failure(`the push was not accepted: ${answer.code} ${answer.desc}`);
  const { received, notification } = await end;

  const sent = createHash('sha256').update(body).digest('hex');
  const leg = (await node.ppg.status(pushId, initiator))?.recipients[0]?.attempts.at(-1)?.leg;
  check(
    timeline,
    received.sha256 === sent,
    `the phone has the very octets that were submitted (sha256 ${sent.slice(0, 16)}…)`,
  );
  check(timeline, leg === act.leg, `carried by the ${act.leg} leg`);
  check(
    timeline,
    notification.state === 'delivered' && notification.qos?.deliveryMethod === 'confirmed',
    'reported as delivered, confirmed',
  );
}

interface End {
  readonly received: ReceivedPush;
  readonly notification: ResultNotification;
}

/** Tells what happens to a push until its result notification has been answered. */
function watch(stage: Stage, pushId: string): Promise<End> {
  const { node, phone, timeline } = stage;
  const { ppg } = node;
  let received: ReceivedPush | undefined;
  let notification: ResultNotification | undefined;
  const off: (() => void)[] = [];
  const ended = new Promise<End>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(failure(`nothing more happened within ${WITHIN / 1000} s; the push is left behind`)),
      WITHIN,
    );
    off.push(
      () => clearTimeout(timer),
      ppg.on('accepted', (event) => {
        if (event.pushId === pushId) timeline.step('gateway', 'push stored on disk (fsync); now 1001 may leave');
      }),
      ppg.on('attempt', (event) => {
        if (event.pushId !== pushId) return;
        timeline.step('gateway', `MESSAGE leaves for ${event.aor}, attempt ${event.attempt}, ${event.devices} device`);
      }),
      phone.on('push', (push) => {
        received = push;
        const { contentType, size, applicationId, answered } = push;
        timeline.step(
          'phone',
          `MESSAGE: ${contentType}, ${size} octets, for ${applicationId ?? 'wml.ua'}; answers ${answered}`,
        );
      }),
      ppg.on('state', (event) => {
        if (event.pushId !== pushId) return;
        timeline.step('gateway', `outcome stored: ${event.state}, ${event.code} (${event.cause})`);
        if (isTerminal(event.state) && event.state !== 'delivered') reject(failure(`the push ended as ${event.state}`));
      }),
      ppg.on('notification', (event) => {
        if (event.pushId !== pushId) return;
        timeline.step('gateway', `the PI's answer to the notification: ${event.cause}; all done`);
        if (received === undefined || notification === undefined) reject(failure('the phone or the PI saw nothing'));
        else resolve({ received, notification });
      }),
    );
    stage.onNotification = (message) => {
      notification = message;
      timeline.step(
        'PI',
        `resultnotification: ${message.state}, ${message.code} ${message.desc ?? ''}; answers 202 and 1000`,
      );
    };
  }).finally(() => {
    for (const take of off) take();
  });
  // until somebody waits for it, a failure must not end the process
  ended.catch(() => undefined);
  return ended;
}

function check(timeline: Timeline, good: boolean, text: string): void {
  timeline.verdict(good, text);
  if (!good) throw failure(`this is not so: ${text}`);
}

const failure = (text: string): PpgError => new PpgError('PPG_E_STATE', `demo: ${text}`);

function nulsOf(body: Buffer): string {
  const nuls = body.reduce((count, octet) => (octet === 0 ? count + 1 : count), 0);
  return nuls === 0 ? '' : ` with ${nuls} NULs`;
}
