import { PpgError } from '../lib/base/errors.ts';
import { identify, type PapDocument } from '../lib/codec/pap/document.ts';
import type { CancelMessage, CapabilityQuery, ProgressNote, PushMessage } from '../lib/codec/pap/messages.ts';
import { commonVersion, DEFAULT_VERSION, isSupportedVersion } from '../lib/codec/pap/version.ts';
import {
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
): string =>
  writePushResponse({
    papVersion: message.papVersion,
    pushId: message.pushId,
    ...(sender.address !== undefined && { senderAddress: sender.address }),
    ...(sender.name !== undefined && { senderName: sender.name }),
    replyTime,
    progressNotes,
    code,
    desc,
  });

/** Progress is told within the push-response and never later (WAP-247 section 9.3). */
export const progressNotes = (receivedAt: number, decidedAt: number, { desc }: Outcome): ProgressNote[] => [
  { stage: 'received', note: 'The submission was received and is well-formed', time: receivedAt },
  { stage: 'accepted', note: desc, time: decidedAt },
];

const unable = (): Outcome => ({ code: PAP.NOT_IMPLEMENTED, desc: describeCode(PAP.NOT_IMPLEMENTED) });

export const cancelNotImplemented = ({ papVersion, pushId, addresses }: CancelMessage): string =>
  writeCancelResponse({ papVersion, pushId, results: [{ ...unable(), addresses }] });

export const capabilityQueryNotImplemented = ({ papVersion, queryId, address }: CapabilityQuery): string =>
  writeCcqResponse({ papVersion, ...(queryId !== undefined && { queryId }), ...unable(), address });

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

/** The beginning of what was sent, as far as it can be shown. */
const excerpt = (octets: Buffer): string => octets.toString('utf8', 0, MAX_FRAGMENT).replaceAll('\ufffd', '?');
