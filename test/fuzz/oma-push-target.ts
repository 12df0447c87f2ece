import assert from 'node:assert/strict';
import { isPushPackage, readPushEvent, writePushEvent } from '../../lib/sip/oma-push/event.ts';
import { packageOf } from '../../lib/stack/notifier.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers } from './tools.ts';

/** Event headers by which devices subscribe to pushes. */
export const OMA_PUSH_TARGET: FuzzTarget = {
  name: 'oma-push',
  seeds: buffers(
    'oma-push;event-app-id="x-wap-application:mms.ua,x-oma-application:ulp.ua";dev-cap="https://example.com/uaprof.rdf"',
    'push;event-app-id="urn:example:a;app-encoding=9f";id=7;dev-cap="Model 3/Vendor/1.0"',
    'oma-push;event-app-id=mms.ua;dev-cap',
  ),
  words: [
    ...['oma-push', 'push', ';event-app-id=', ';EVENT-APP-ID="', ';dev-cap="', ';id=', 'x-wap-application:', 'urn:'],
    ...[',', ',,', '"', '\\"', '\\', '<x:y>', '*', '0x', 'ffffffff', ';app-encoding=', '\r\n', '\0', '\xe9', '%00'],
  ],
  run(octets) {
    const text = octets.toString('utf8');
    const event = readPushEvent(text);
    assert.ok(isPushPackage(packageOf(text)));
    assert.ok(event.applications.size > 0 && event.applications.size <= 64);
    assert.ok((event.told.profile?.length ?? 0) <= 512 && (event.told.userAgent?.length ?? 0) <= 128);
    const written = writePushEvent(event, event.applications.values());
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must never get into a header
    assert.doesNotMatch(`${written}${event.told.profile}${event.told.userAgent}`, /[\0-\x1f\x7f]/);
    assert.deepEqual([...readPushEvent(written).applications], [...event.applications]);
  },
};
