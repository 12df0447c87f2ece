import { type Logger, silentLogger } from '../../lib/base/log.ts';
import { REGISTRATION_LEARNED } from '../../lib/sip/registrations/registrations.ts';

/** What a gateway has learned of registrations, from its log: a REGISTER is answered before it is learned. */
export class Learned {
  readonly #devices = new Map<string, number>();
  readonly log: Logger = {
    ...silentLogger,
    debug: (fields: object | string, message?: string) => {
      if (message !== REGISTRATION_LEARNED) return;
      const { aor, registered, devices } = fields as { aor: string; registered: boolean; devices: number };
      this.#devices.set(/^sip:([^@]+)@/.exec(aor)?.[1] ?? aor, registered ? devices : 0);
    },
  };

  /** Devices of a user, by the user part; undefined when nothing was learned. */
  devices(user: string): number | undefined {
    return this.#devices.get(user);
  }
}
