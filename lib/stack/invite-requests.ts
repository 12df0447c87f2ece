import { parseCSeq } from '../codec/sip/cseq.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../codec/sip/message.ts';
import type { HeaderField } from '../model/push.ts';

const NO_BODY = Buffer.alloc(0);

/** What ACK and CANCEL share: the INVITE's own Via and Route set, its Call-ID and the number of its CSeq. */
function follower(invite: SipRequest, method: string, to: string, more: readonly HeaderField[] = []): SipRequest {
  const { headers } = invite;
  const fields: HeaderField[] = [
    { name: 'Via', value: headers.get('Via') ?? '' },
    { name: 'Max-Forwards', value: '70' },
  ];
  for (const value of headers.all('Route')) fields.push({ name: 'Route', value });
  fields.push(
    { name: 'From', value: headers.get('From') ?? '' },
    { name: 'To', value: to },
    { name: 'Call-ID', value: headers.get('Call-ID') ?? '' },
    { name: 'CSeq', value: `${parseCSeq(headers.get('CSeq') ?? '').number} ${method}` },
    ...more,
  );
  return { ...invite, method, headers: new SipHeaders(fields), body: NO_BODY };
}

/** RFC 3261 section 17.1.1.3: the ACK to a response other than 2xx; `invite` has its Via. */
export const ackOf = (invite: SipRequest, response: SipResponse): SipRequest =>
  follower(invite, 'ACK', response.headers.get('To') ?? invite.headers.get('To') ?? '');

/** RFC 3261 section 9.1: the CANCEL of an INVITE, which has its Via. `reason` is a Reason header's value (RFC 3326). */
export const cancelOf = (invite: SipRequest, reason?: string): SipRequest =>
  follower(
    invite,
    'CANCEL',
    invite.headers.get('To') ?? '',
    reason === undefined ? [] : [{ name: 'Reason', value: reason }],
  );
