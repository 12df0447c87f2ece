import { PpgError } from '../lib/base/errors.ts';
import { randomToken } from '../lib/base/ids.ts';
import { type AddressOptions, parseAddress } from '../lib/codec/pap/address.ts';
import type { CancelMessage, CapabilityQuery, StatusQuery } from '../lib/codec/pap/messages.ts';
import { CAPABILITIES_CONTENT_TYPE, writeCapabilities } from '../lib/codec/pap/uaprof.ts';
import {
  PAP_CONTENT_TYPE,
  writeCancelResponse,
  writeCcqResponse,
  writeStatusQueryResponse,
} from '../lib/codec/pap/write.ts';
import type { RecipientAddress } from '../lib/model/address.ts';
import { parseApplicationId } from '../lib/model/application-id.ts';
import type { ClientCapabilities } from '../lib/model/client-capabilities.ts';
import type { CancelResult, PapService, StatusResult } from '../lib/model/pap-service.ts';
import { describeCode, PAP } from '../lib/model/result-codes.ts';

/** An answer that is more than one PAP document. */
export interface Entity {
  readonly type: string;
  readonly body: string;
}

/** Whose question it is, and how that account writes addresses. */
export interface Asking extends AddressOptions {
  readonly initiator: string;
}

const told = (code: number): { code: number; desc: string } => ({ code, desc: describeCode(code) });

interface Read {
  readonly addresses: readonly RecipientAddress[];
  /** Texts that are no address: 2002 each. */
  readonly bad: readonly string[];
}

function readAddresses(texts: readonly string[], options: AddressOptions): Read {
  const addresses: RecipientAddress[] = [];
  const bad: string[] = [];
  for (const text of new Set(texts)) {
    try {
      addresses.push(parseAddress(text, options));
    } catch (error) {
      if (!(error instanceof PpgError)) throw error;
      bad.push(text);
    }
  }
  return { addresses, bad };
}

/** cancel-message: the recipients named, or all, grouped by what became of them (WAP-247 sections 9.7 and 9.8). */
export async function cancelResponse(message: CancelMessage, asking: Asking, engine: PapService): Promise<string> {
  const { papVersion, pushId } = message;
  const { addresses, bad } = readAddresses(message.addresses, asking);
  const wrong: CancelResult[] = bad.length === 0 ? [] : [{ addresses: bad, ...told(PAP.ADDRESS_ERROR) }];
  // When nothing but nonsense was named, nothing is asked for; no address at all would mean everybody.
  if (addresses.length === 0 && wrong.length > 0) return writeCancelResponse({ papVersion, pushId, results: wrong });
  const answer = await engine.cancel(asking.initiator, pushId, addresses);
  const unknown: CancelResult = { addresses: [], ...told(PAP.PUSH_ID_NOT_FOUND) };
  const results = answer === undefined ? [unknown] : [...answer.results, ...wrong];
  return writeCancelResponse({ papVersion, pushId, results });
}

/** statusquery-message: the recipients named, or all, grouped by equal outcome (WAP-247 sections 9.9 and 9.10). */
export async function statusResponse(message: StatusQuery, asking: Asking, engine: PapService): Promise<string> {
  const { papVersion, pushId } = message;
  const { addresses, bad } = readAddresses(message.addresses, asking);
  const wrong: StatusResult[] =
    bad.length === 0 ? [] : [{ addresses: bad, state: 'unknown', ...told(PAP.ADDRESS_ERROR) }];
  if (addresses.length === 0 && wrong.length > 0) {
    return writeStatusQueryResponse({ papVersion, pushId, results: wrong });
  }
  const answer = await engine.status(asking.initiator, pushId, addresses);
  const unknown: StatusResult = { addresses: [], state: 'unknown', ...told(PAP.PUSH_ID_NOT_FOUND) };
  const results = answer === undefined ? [unknown] : [...answer.results, ...wrong];
  return writeStatusQueryResponse({ papVersion, pushId, results });
}

/**
 * ccq-message: what is known of the user's devices as one client, in UAProf; 3008 when nothing is (WAP-247 sections
 * 9.11 and 9.12). Nothing in it tells how many devices there are or how to reach one.
 */
export async function capabilitiesResponse(
  message: CapabilityQuery,
  asking: Asking,
  engine: PapService,
): Promise<string | Entity> {
  const { papVersion, queryId, appId, address: text } = message;
  const control = (code: number): string =>
    writeCcqResponse({ papVersion, ...(queryId !== undefined && { queryId }), ...told(code), address: text });
  const [address] = readAddresses([text], asking).addresses;
  if (address === undefined) return control(PAP.ADDRESS_ERROR);
  const application = appId === undefined ? undefined : parseApplicationId(appId).tag;
  const capabilities = await engine.capabilities(asking.initiator, address, application);
  return capabilities === undefined
    ? control(PAP.CLIENT_CAPABILITIES_NOT_AVAILABLE)
    : withCapabilities(control(PAP.OK), capabilities);
}

function withCapabilities(control: string, capabilities: ClientCapabilities): Entity {
  const boundary = `ppg-${randomToken()}`;
  const until = capabilities.until === undefined ? '' : `Expires: ${new Date(capabilities.until).toUTCString()}\r\n`;
  return {
    type: `multipart/related; type="application/xml"; boundary="${boundary}"`,
    body:
      `--${boundary}\r\nContent-Type: ${PAP_CONTENT_TYPE}\r\n\r\n${control}\r\n` +
      `--${boundary}\r\nContent-Type: ${CAPABILITIES_CONTENT_TYPE}\r\n${until}\r\n${writeCapabilities(capabilities)}\r\n` +
      `--${boundary}--\r\n`,
  };
}
