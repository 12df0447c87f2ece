import debug from 'debug';
import type { SipTraceListener } from '../stack/trace.ts';
import { traceText } from '../stack/trace-text.ts';

/** Turned on by `DEBUG=drachtio:ppg:sip`. */
const NAMESPACE = 'drachtio:ppg:sip';

/**
 * Writes SIP messages to the debug package, for those who run an app with `DEBUG=drachtio:ppg:sip` (or `drachtio:*`).
 * Bodies are left out unless `DEBUG_SIP_BODY=1`, which that package reads among its options; credentials always are.
 * Undefined when the namespace is off at this moment, so that nothing is ever made for nobody.
 */
export function sipDebug(): SipTraceListener | undefined {
  const write = debug(NAMESPACE);
  if (!write.enabled) return undefined;
  const options = (debug as { inspectOpts?: Readonly<Record<string, unknown>> }).inspectOpts;
  const body = options?.['sipBody'] ? 'all' : 'none';
  return (trace) => write('%s', traceText(trace, body));
}
