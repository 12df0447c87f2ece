import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readObservedRegister } from '../../lib/sip/registrations/observed-register.ts';
import { living } from '../../lib/sip/registrations/registrations.ts';
import { readThirdPartyRegister } from '../../lib/sip/registrations/third-party-register.ts';
import { mergeRegistration } from '../../lib/sip/registrations/update.ts';
import { fakeRequest } from '../support/fake-sip.ts';

const CONTEXT = { domain: 'example.com', now: 1_800_000_000_000 };

/** Pieces that REGISTERs are made of, put together at random. */
const piece = fc.constantFrom(
  ...[
    'REGISTER sip:a SIP/2.0',
    'SIP/2.0 200 OK',
    '\r\n',
    '\n',
    '\r\n\r\n',
    'Contact: ',
    'm:',
    '<sip:a@b>',
    '*',
    ',',
    ';',
  ],
  ...['expires=0', 'expires=99', '=', '"', '<', '>', '+sip.instance="<urn:x>"', '+g.oma.pusheventapp="a,b"', '\0', 'é'],
  ...['--b', '--b--', 'Content-Type: message/sip', 'Expires: 7', 'pub-gruu="sip:x"', 'P-Associated-URI: <tel:+1>', 'x'],
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
/** Contacts that are mostly sound, so that devices come out, with now and then a piece that is not. */
const contact = fc
  .tuple(
    fc.constantFrom('<sip:a@b>', '<sip:c@d;transport=tcp>', 'sip:e@f', '<sips:g@h>', '<mailto:x@y>'),
    fc.array(
      fc.constantFrom(
        ...['expires=0', 'expires=99', 'expires=x', '+sip.instance="<urn:x>"', '+sip.instance="<urn:y>"', 'audio'],
        ...['+g.oma.pusheventapp="a,b"', '+g.oma.pusheventapp', 'pub-gruu="sip:x@y;gr"', 'reg-id=1', '"'],
      ),
      { maxLength: 4 },
    ),
  )
  .map(([uri, params]) => [uri, ...params].join(';'));
const contacts = fc.array(contact, { maxLength: 4 }).map((list) => list.join(','));
const register = contacts.map((list) => `REGISTER sip:a SIP/2.0\r\nContact: ${list}\r\n\r\n`);
const message = fc.oneof(
  register,
  text,
  fc.tuple(register, text).map((parts) => parts.join('')),
);
const type = fc.constantFrom(
  'message/sip',
  'multipart/mixed;boundary=b',
  'multipart/mixed',
  'application/3gpp-ims+xml',
  '',
);

describe('whatever a REGISTER says', () => {
  it('a reader answers, and what it answers makes a sound registration', () => {
    fc.assert(
      fc.property(
        message,
        type,
        fc.oneof(contacts, text),
        fc.constantFrom('0', '60', 'x'),
        (body, contentType, contact, expires) => {
          const headers = {
            To: '<sip:u@example.com>',
            Expires: expires,
            Contact: contact,
            'Content-Type': contentType,
          };
          const request = fakeRequest({ headers, body });
          for (const update of [
            readThirdPartyRegister(request, CONTEXT),
            readObservedRegister(request, { get: () => body }, CONTEXT),
          ]) {
            if (update === undefined) continue;
            const registration = mergeRegistration(undefined, update, 'sip:u@example.com', CONTEXT.now);
            const ids = registration.devices.map(({ id }) => id);
            assert.equal(new Set(ids).size, ids.length, 'one device for each id');
            assert.ok(registration.devices.every(({ expiresAt }) => expiresAt > CONTEXT.now));
            assert.ok(registration.registered || registration.devices.length === 0);
            assert.ok(living(registration, CONTEXT.now) !== undefined);
            assert.doesNotMatch(ids.join(''), /[\r\n\0<>]/);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
