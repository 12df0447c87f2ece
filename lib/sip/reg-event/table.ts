import type { RegInfo, RegInfoContact, RegInfoRegistration } from '../../codec/reginfo/reginfo.ts';
import type { Param } from '../../codec/sip/params.ts';
import type { Device } from '../../model/device.ts';
import { aorOfUri } from '../aor.ts';
import { contactOf, DEFAULT_EXPIRES, deviceOf, type RegisterContext } from '../registrations/register-contacts.ts';
import { oneOfEach, type RegistrationUpdate } from '../registrations/update.ts';

/** What became of a document. */
export interface TakenDocument {
  /** `gap`: one before it is missing, and it tells changes only, so the whole state has to be asked for. `old`: overtaken. */
  readonly verdict: 'taken' | 'gap' | 'old';
  /** What it told, one for each address-of-record; empty unless it was taken. */
  readonly updates: readonly RegistrationUpdate[];
}

/** Rows of one registration: contacts by their names, as RFC 3680 section 5.2 has the tables. */
interface Table {
  readonly aor: string;
  active: boolean;
  contacts: Map<string, RegInfoContact & { readonly at: number }>;
}

const MAX_CONTACTS = 64;
const MAX_TABLES = 64;

/** Contact parameters that are no feature tags; whoever tells only of these has left the tags out. */
const NO_FEATURES = new Set(['+sip.instance', 'reg-id', 'q', 'expires', 'methods', 'ob']);

/** The registrations that one subscription covers, put together from its documents (RFC 3680 section 5.2). No I/O. */
export class RegEventTable {
  #version: number | undefined;
  readonly #tables = new Map<string, Table>();
  /** True once a contact came with a feature tag: cores tell either all of them or none. */
  tellsFeatures = false;

  /** Addresses-of-record that the last document was about: those of an implicit set (3GPP TS 23.228 section 5.2.1a). */
  get aors(): string[] {
    return [...new Set([...this.#tables.values()].map(({ aor }) => aor))];
  }

  /** Whether the last document was about this address-of-record. */
  covers(aor: string): boolean {
    for (const table of this.#tables.values()) if (table.aor === aor) return true;
    return false;
  }

  /** Takes a document. Whole ones are taken with any version that has not been passed: pua_reginfo never counts. */
  take(document: RegInfo, context: RegisterContext): TakenDocument {
    const { version, state } = document;
    const before = this.#version;
    if (state === 'full') {
      if (before !== undefined && version < before && version !== 0) return { verdict: 'old', updates: [] };
    } else if (before === undefined || version > before + 1) {
      this.#version = undefined;
      return { verdict: 'gap', updates: [] };
    } else if (version !== before + 1 && !(version === 0 && before === 0)) return { verdict: 'old', updates: [] };
    this.#version = version;
    const touched = new Set<string>();
    if (state === 'full') {
      for (const { aor } of this.#tables.values()) touched.add(aor);
      this.#tables.clear();
    }
    for (const registration of document.registrations) {
      const aor = this.#enter(registration, context);
      if (aor !== undefined) touched.add(aor);
    }
    return { verdict: 'taken', updates: [...touched].map((aor) => this.#updateOf(aor, context.now)) };
  }

  /** The address-of-record; undefined for a registration of nobody: a wildcarded identity, or what is no user. */
  #enter(registration: RegInfoRegistration, { domain, now }: RegisterContext): string | undefined {
    if (registration.wildcard !== undefined || registration.aor.includes('!')) return undefined;
    const aor = userOf(registration.aor, domain);
    if (aor === undefined) return undefined;
    const key = `${registration.id}\n${registration.aor}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      if (this.#tables.size === MAX_TABLES) return undefined;
      table = { aor, active: false, contacts: new Map() };
      this.#tables.set(key, table);
    }
    table.active = registration.state === 'active';
    if (!table.active) table.contacts.clear();
    for (const contact of registration.contacts) {
      const id = contact.id === '' ? contact.uri : contact.id;
      if (contact.state === 'terminated' || !table.active) table.contacts.delete(id);
      else if (table.contacts.size < MAX_CONTACTS) table.contacts.set(id, { ...contact, at: now });
      this.tellsFeatures ||= contact.params.some(({ name }) => !NO_FEATURES.has(name.toLowerCase()));
    }
    return aor;
  }

  /** A number may be there as tel: and as sip:, with the same contacts. */
  #updateOf(aor: string, now: number): RegistrationUpdate {
    const tables = [...this.#tables.values()].filter((table) => table.aor === aor && table.active);
    if (tables.length === 0) return { aors: [aor], kind: 'deregistered', devices: [], removed: [], expiresAt: 0 };
    const devices: Device[] = [];
    for (const { contacts } of tables) {
      for (const { at, ...contact } of contacts.values()) {
        const device = deviceIn(contact, at);
        if (device !== undefined && device.expiresAt > now) devices.push(device);
      }
    }
    return {
      aors: [aor],
      kind: 'registered',
      devices: oneOfEach(devices),
      removed: [],
      // an active registration of which no contact is told
      expiresAt: devices.length === 0 ? now + DEFAULT_EXPIRES * 1000 : 0,
      complete: true,
    };
  }
}

function userOf(uri: string, domain: string): string | undefined {
  try {
    const aor = aorOfUri(uri, domain);
    return aor.includes('@') ? aor : undefined;
  } catch {
    return undefined; // names nobody that a push could be sent to
  }
}

function deviceIn(contact: RegInfoContact, at: number): Device | undefined {
  const { uri, params, expires = DEFAULT_EXPIRES, pubGruu } = contact;
  const all: Param[] = pubGruu === undefined ? [...params] : [...params, { name: 'pub-gruu', value: pubGruu }];
  const read = contactOf({ uri, params: all });
  return read === undefined ? undefined : deviceOf(read, at + expires * 1000);
}
