import { namedRecipients, type RecipientAddress } from '../model/address.ts';
import { byAddress, resultOfGroup } from '../model/group.ts';
import type { StatusAnswer, StatusResult } from '../model/pap-service.ts';
import type { Push, QualityOfService, Recipient } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import { messageState } from '../model/states.ts';
import type { PushStatus } from '../store/store.ts';

/**
 * Answers a statusquery: addresses of equal outcome share one result (WAP-247); an address that the push does not
 * have is a result of its own with 2003. Without addresses the answer is about every recipient.
 */
export function statusAnswer({ push, recipients }: PushStatus, addresses: readonly RecipientAddress[]): StatusAnswer {
  const { found, strangers } = namedRecipients(recipients, addresses);
  const groups = new Map<string, Recipient[]>();
  for (const recipient of byAddress(found).map(resultOfGroup)) {
    // PAP's times have no fractions: what differs by less is told as equal.
    const second = Math.floor(recipient.eventTime / 1000);
    const key = [recipient.state, recipient.code, second, recipient.deliveredBy].join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [recipient]);
    else group.push(recipient);
  }
  const results: StatusResult[] = [...groups.values()].map((group) => resultOf(push, group));
  if (strangers.length > 0) {
    results.push({
      addresses: strangers.map(({ text }) => text),
      state: 'unknown',
      code: PAP.ADDRESS_NOT_FOUND,
      desc: describeCode(PAP.ADDRESS_NOT_FOUND),
    });
  }
  return { results };
}

function resultOf(push: Push, group: readonly Recipient[]): StatusResult {
  const [first] = group as [Recipient, ...Recipient[]];
  return {
    addresses: group.map((one) => one.address.text),
    state: messageState(first.state),
    // What waits has no result yet: 1001 is for submissions only (WAP-247 table of codes), so the state says it.
    ...(first.code === PAP.ACCEPTED ? { code: PAP.OK, desc: 'Pending' } : { code: first.code, desc: first.desc }),
    eventTime: first.eventTime,
    ...(push.qos !== undefined && { qos: qosEcho(push.qos, first) }),
  };
}

/** The submission's QoS; once over, delivery-method is what was in fact used: confirmed or unconfirmed only (WAP-247). */
const qosEcho = (qos: QualityOfService, recipient: Recipient): QualityOfService => ({
  ...qos,
  deliveryMethod: recipient.deliveredBy,
});
