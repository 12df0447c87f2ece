import type { Registration } from '../../model/device.ts';
import type { RegEvents } from '../reg-event/reg-event.ts';
import type { Registrations } from './registrations.ts';
import type { RegistrationUpdate } from './update.ts';

type Known = Registration | undefined;

/** What a REGISTER told, once it is known by which way it came. */
export interface RegisterNews {
  /** Third-party REGISTER of a core. */
  thirdParty(update: RegistrationUpdate): Promise<void>;
  /** A UE's REGISTER that the registrar in the same app has answered. */
  observed(update: RegistrationUpdate): Promise<void>;
}

/**
 * What a watched user is told to be is asked for again where it leaves a push no way, and nothing was heard for so long:
 * Kamailio 5.6 says that somebody left and not that he came back. Milliseconds.
 */
const QUIET = 60_000;

/**
 * Registrations with the reg event as a source. Who is asked for and not known is subscribed to, and the answer waits for
 * the first NOTIFY, two seconds at the most. `both`: the reg event says which contacts there are, REGISTERs say that
 * somebody came or left and with which feature tags. `reg-event`: a REGISTER says only that there is news of a user.
 */
export function withRegEvents(
  registrations: Registrations,
  regEvents: RegEvents,
  source: 'reg-event' | 'both',
): Registrations & RegisterNews {
  /** What is known, once somebody was asked who knows more; a core that was long silent may have kept it to itself. */
  function completed(aor: string, known: Known): Known | Promise<Known> {
    const first = regEvents.ask(aor);
    if (isEnough(known)) return believed(aor, known);
    const asked = first ?? regEvents.renew(aor, QUIET);
    if (asked === undefined) return believed(aor, known);
    return asked.then(async () => believed(aor, await registrations.find(aor)));
  }

  /** Where nobody would tell that he came back, a user who left is not known to be away. */
  const believed = (aor: string, known: Known): Known =>
    source === 'reg-event' && known?.registered === false && !regEvents.watches(aor) ? undefined : known;

  /** Whether a push can go out on it: what is stored of a user who was there may be sent to while the core is asked. */
  function isEnough(known: Known): boolean {
    if (known === undefined) return false;
    return known.registered ? known.devices.length > 0 : source === 'both';
  }

  const hasDevices = (known: Known): boolean => known?.registered === true && known.devices.length > 0;

  function look(aor: string, known: Known): Known | Promise<Known> {
    // Where REGISTERs tell as well, the reg event is for what they left open.
    return source === 'both' && isEnough(known) ? known : completed(aor, known);
  }

  /** The last news of a user that waits for the reg event; later news make it old. */
  const held = new Map<string, RegistrationUpdate>();

  async function thirdParty(update: RegistrationUpdate): Promise<void> {
    const [aor = ''] = update.aors;
    held.delete(aor);
    const detailed = update.devices.length > 0 || update.removed.length > 0;
    if (update.kind === 'deregistered' || (source === 'both' && detailed)) return registrations.apply(update);
    const bare: RegistrationUpdate = source === 'both' ? update : { ...update, devices: [], removed: [] };
    const first = regEvents.ask(aor);
    const asked = first ?? regEvents.renew(aor);
    if (asked === undefined) return registrations.apply(bare);
    // Whoever is woken now should know the devices: the NOTIFY is about to tell them.
    held.set(aor, update);
    // Nobody waits for one who was there: what is new of him comes with the NOTIFY.
    if (first === undefined && hasDevices(await registrations.find(aor))) {
      if (held.get(aor) !== update) return;
      held.delete(aor);
      return registrations.apply(bare);
    }
    await asked;
    if (held.get(aor) !== update) return;
    held.delete(aor);
    // The NOTIFY was asked for after the REGISTER came: where it says that the user is gone, he has left meanwhile.
    const known = await registrations.find(aor);
    if (known?.registered !== false || !regEvents.watches(aor)) await registrations.apply(bare);
  }

  return {
    ...registrations,
    covers: true,
    coversUser: (aor) => source === 'both' || (regEvents.isTrusted && regEvents.watches(aor)),
    find(aor) {
      const known = registrations.find(aor);
      return known instanceof Promise ? known.then((found) => look(aor, found)) : look(aor, known);
    },
    forget(aor) {
      regEvents.forget(aor);
      registrations.forget(aor);
    },
    thirdParty,
    observed: (update) => (source === 'both' ? registrations.apply(update) : Promise.resolve()),
  };
}

/** Registrations that only REGISTERs tell of. */
export const byRegister = (registrations: Registrations): Registrations & RegisterNews => ({
  ...registrations,
  thirdParty: (update) => registrations.apply(update),
  observed: (update) => registrations.apply(update),
});
