import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Authorize, DialogRequest, SipAnswer } from '../leg.ts';
import { answerOfSrf, notSent, refusal, unknown } from './answer.ts';
import { toSrfCall } from './frame.ts';
import type { SrfDialog } from './srf-like.ts';

export interface WithinOptions {
  readonly clock: Clock;
  /** Milliseconds a request may go without a final answer. */
  readonly guard: number;
  readonly domain: string | undefined;
}

/** Sends a request within a dialog of drachtio-srf, and again where it is challenged. Never rejects. */
export async function sendWithin(
  dialog: SrfDialog,
  method: string,
  request: DialogRequest,
  options: WithinOptions,
  authorize: Authorize | undefined,
): Promise<SipAnswer> {
  if (authorize === undefined) return sendOnce(dialog, method, request, options);
  const { headers = [], body } = request;
  const uri = dialog.remote.uri ?? 'sip:invalid';
  const { answer } = await authorize({ method, uri, body }, async (credentials) => ({
    answer: await sendOnce(dialog, method, { ...request, headers: [...headers, ...credentials] }, options),
  }));
  return answer;
}

/** In the callback form, with a guard: a lost link would keep silent for ever. */
function sendOnce(
  dialog: SrfDialog,
  method: string,
  { headers = [], body }: DialogRequest,
  { clock, guard, domain }: WithinOptions,
): Promise<SipAnswer> {
  const checked = toSrfCall(
    { method, uri: 'sip:placeholder@invalid', headers, ...(body !== undefined && { body }) },
    domain,
  );
  if (checked.kind === 'cannot') return Promise.resolve(notSent(checked.code, checked.reason));
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => settle(unknown(`no answer within ${guard} ms`)), guard);
    const settle = (answer: SipAnswer): void => {
      clock.clearTimeout(timer);
      resolve(answer);
    };
    try {
      const { body: text, headers: fields } = checked.options;
      dialog.request({ method, headers: fields, ...(text !== undefined && { body: text }) }, (error, response) => {
        // A provisional response comes the same way; the final one follows.
        if (error) settle(refusal(error));
        else if (response === undefined) settle(unknown('drachtio-srf named no response'));
        else if (response.status >= 200) settle(answerOfSrf(response));
      });
    } catch (error) {
      settle(notSent('PPG_E_LEG_DOWN', messageOf(error)));
    }
  });
}
