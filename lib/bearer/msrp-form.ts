import { CPIM_TYPE, writeCpimHead } from '../codec/cpim/cpim.ts';
import { headerOctets } from '../codec/mime/header-block.ts';
import { isMsrpHeader } from '../codec/msrp/write.ts';
import { acceptsType } from '../codec/sdp/message-media.ts';
import type { MsrpCapabilities } from '../model/device-capabilities.ts';
import type { Content, HeaderField } from '../model/push.ts';
import { isBinaryBody } from '../sip/sender.ts';
import { type Form, type FormName, formOf, wrapped } from './envelope.ts';
import { cpimEntityOf } from './imdn.ts';
import { type Prepare, remembered } from './prepared.ts';
import { entityHeadersOf } from './push-headers.ts';

/** A push as it stands in a SEND: the same for all who get it. */
export interface SessionForm extends Omit<Form, 'name'> {
  readonly type: string;
  /** All but Content-Type: they go with the content. */
  readonly fields: readonly HeaderField[];
  /** Those of them that are not about the body, which is another in an INVITE. */
  readonly onInvite: readonly HeaderField[];
  /** Octets of content and headers. */
  readonly bytes: number;
  readonly headerBytes: number;
  readonly binary: boolean;
  /** True where it is in a message/cpim. */
  readonly wrapped: boolean;
}

/** Forms of pushes for MSRP sessions. */
export interface SessionForms {
  /** In the form of the device's profile; undefined when one of its headers cannot stand in a SEND. */
  plain: Prepare<SessionForm>;
  /**
   * As {@link SessionForms.plain} where a device takes its type or told no types; in a message/cpim (RFC 3862) where it takes that, and the
   * content in it (RFC 4975 section 8.6). A sentence says why the device takes neither.
   */
  fitting(content: Content, plain: SessionForm, takes: MsrpCapabilities): SessionForm | string;
}

/**
 * `identity` is the gateway's, and DateTime when the push was wrapped first. Whom it is for its session says: so one copy of
 * the octets does for all devices, as `sip:anonymous@anonymous.invalid` does in CPM.
 */
export function createSessionForms(identity: string, now: () => number): SessionForms {
  const plain = remembered(prepareOnce);
  const cpim = remembered((content) => prepareCpim(content, identity, now()));
  return {
    plain,
    fitting(content, form, takes) {
      const { types, maxSize } = takes;
      if (types === undefined || acceptsType(types, form.type)) return withinSize(form, maxSize);
      const inside = takesInside(takes);
      const made = inside !== undefined && acceptsType(inside, content.type) ? cpim(content, 'headers') : undefined;
      if (made !== undefined) return withinSize(made, maxSize);
      const told = types.slice(0, 8).join(' ').slice(0, 200);
      return `the device takes ${told} by MSRP, not ${form.type.slice(0, 100)}`;
    },
  };
}

/** Types that a device takes within message/cpim; undefined where it takes no message/cpim. */
export const takesInside = ({ types = [], wrappedTypes = [] }: MsrpCapabilities): readonly string[] | undefined =>
  acceptsType(types, CPIM_TYPE) ? [...types, ...wrappedTypes] : undefined;

function withinSize(form: SessionForm, maxSize: number | undefined): SessionForm | string {
  const size = form.body.length;
  return maxSize !== undefined && size > maxSize ? `the device takes ${maxSize} octets by MSRP, not ${size}` : form;
}

function prepareOnce(content: Content, name: FormName): SessionForm | undefined {
  const form = formOf(content, name);
  return form && sessionForm(form, false);
}

function prepareCpim(content: Content, identity: string, at: number): SessionForm | undefined {
  const entity = cpimEntityOf(content);
  const fields = entityHeadersOf(content);
  if (entity === undefined || fields === undefined) return undefined;
  const head = [
    { name: 'From', value: `<${identity}>` },
    { name: 'To', value: '<sip:anonymous@anonymous.invalid>' },
    { name: 'DateTime', value: new Date(at).toISOString() },
  ];
  const body = Buffer.concat([writeCpimHead(head, entity), content.body]);
  return sessionForm({ headers: wrapped(CPIM_TYPE, 'cpim', fields), body, dropped: [] }, true);
}

function sessionForm(form: Omit<Form, 'name'>, isWrapped: boolean): SessionForm | undefined {
  if (!form.headers.every(isMsrpHeader)) return undefined;
  const [type, ...fields] = form.headers;
  if (type === undefined) return undefined;
  const headerBytes = headerOctets(form.headers);
  return {
    ...form,
    type: type.value,
    fields,
    onInvite: fields.filter((field) => !ABOUT_THE_BODY.test(field.name)),
    bytes: form.body.length + headerBytes,
    headerBytes,
    binary: isBinaryBody(form.body),
    wrapped: isWrapped,
  };
}

/** The body of an INVITE is the session description: what is said of the content must not be said of that. */
const ABOUT_THE_BODY = /^(?:content-|mime-version$)/i;
