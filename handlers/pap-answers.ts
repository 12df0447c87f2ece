import { PpgError } from '../lib/base/errors.ts';
import type { Writable } from '../lib/base/writable.ts';
import { identify, type PapDocument } from '../lib/codec/pap/document.ts';
import { isIdentifier } from '../lib/codec/pap/identifier.ts';
import type { ProgressNote, PushMessage, PushResponse } from '../lib/codec/pap/messages.ts';
import { commonVersion, DEFAULT_VERSION, isSupportedVersion } from '../lib/codec/pap/version.ts';
import {
  type Written,
  writeBadMessageResponse,
  writeCancelResponse,
  writeCcqResponse,
  writePushResponse,
  writeStatusQueryResponse,
} from '../lib/codec/pap/write.ts';
import { describeCode, PAP } from '../lib/model/result-codes.ts';

/** What a PI is told. */
export interface Outcome {
  readonly code: number;
  readonly desc: string;
}

/** Who answers: sender-name and sender-address of WAP-247. */
export interface Sender {
  readonly name?: string;
  readonly address?: string;
}

const MAX_DESC = 500;
const MAX_FRAGMENT = 200;

/** Errors of the gateway's own inside; their sentences are for the operator. */
const INTERNAL = new Set(['PPG_E_STORE', 'PPG_E_STORE_LOCKED', 'PPG_E_STORE_CLOSED', 'PPG_E_STATE']);

/** The PAP code and description of whatever was thrown. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof PpgError)) return { code: PAP.INTERNAL_ERROR, desc: describeCode(PAP.INTERNAL_ERROR) };
  const code = error.papCode ?? PAP.INTERNAL_ERROR;
  if (INTERNAL.has(error.code)) return { code, desc: describeCode(code) };
  return { code, desc: `${describeCode(code)}: ${error.message.slice(0, MAX_DESC)} (${error.code})` };
}

/** push-response: push-id, reply-time and desc are always there, since clients read them unasked. */
export const pushAnswer = (
  message: Pick<PushMessage, 'pushId' | 'papVersion'>,
  { code, desc }: Outcome,
  replyTime: number,
  sender: Sender,
  progressNotes: readonly ProgressNote[] = [],
): string => {
  const { papVersion, pushId } = message;
  const answer: Writable<Written<PushResponse>> = { papVersion, pushId, replyTime, progressNotes, code, desc };
  if (sender.address !== undefined) answer.senderAddress = sender.address;
  if (sender.name !== undefined) answer.senderName = sender.name;
  return writePushResponse(answer);
};

/** Stages of progress-note, in order; docs/pap.md says what each means. */
export const PROGRESS_STAGES = ['received', 'accepted'] as const;

/** Progress is told within the push-response and never later (WAP-247 section 9.3). */
export const progressNotes = (receivedAt: number, decidedAt: number, { desc }: Outcome): ProgressNote[] => [
  { stage: PROGRESS_STAGES[0], note: 'The submission was received and is well-formed', time: receivedAt },
  { stage: PROGRESS_STAGES[1], note: desc, time: decidedAt },
];

/**
 * The answer to what could not be read or carried out: the response that belongs to the message when it can be
 * named, else badmessage-response with an excerpt (WAP-247 section 9.13).
 */
export function refusalAnswer(
  error: unknown,
  document: PapDocument | undefined,
  octets: Buffer | undefined,
  replyTime: number,
  sender: Sender,
): string {
  const outcome = outcomeOf(error);
  const declared = document?.declared;
  const supported = declared !== undefined && isSupportedVersion(declared.version);
  if (document !== undefined && supported) {
    const papVersion = document.declared.version;
    const { message, pushId } = identify(document);
    const asked = message === 'ccq-message' ? capabilityQueryOf(document) : undefined;
    if (asked !== undefined) return writeCcqResponse({ papVersion, ...asked, ...outcome });
    if (pushId !== undefined) {
      if (message === 'push-message') return pushAnswer({ papVersion, pushId }, outcome, replyTime, sender);
      if (message === 'cancel-message') {
        return writeCancelResponse({ papVersion, pushId, results: [{ ...outcome, addresses: [] }] });
      }
      if (message === 'statusquery-message') {
        return writeStatusQueryResponse({
          papVersion,
          pushId,
          results: [{ ...outcome, state: 'unknown', addresses: [] }],
        });
      }
    }
  }
  let papVersion = DEFAULT_VERSION;
  if (declared !== undefined) papVersion = supported ? declared.version : commonVersion(declared.supported);
  return writeBadMessageResponse({
    papVersion,
    ...outcome,
    ...(octets !== undefined && { fragment: excerpt(octets) }),
  });
}

/** What a ccq-response must repeat, when the question has it. */
function capabilityQueryOf({ root }: PapDocument): { readonly queryId?: string; readonly address: string } | undefined {
  const [query] = root.children;
  const [address, ...others] = query?.children ?? [];
  const text = address?.attributes['address-value'];
  if (address?.name !== 'address' || text === undefined || others.length > 0) return undefined;
  const queryId = query?.attributes['query-id'];
  return { address: text, ...(queryId !== undefined && isIdentifier(queryId) && { queryId }) };
}

/** The beginning of what was sent, as far as it can be shown. */
const excerpt = (octets: Buffer): string => octets.toString('utf8', 0, MAX_FRAGMENT).replaceAll('\ufffd', '?');
