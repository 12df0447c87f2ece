import type { Content } from '../model/push.ts';
import type { FormName } from './envelope.ts';

/** What a bearer makes of a content in a form; undefined when it cannot carry it so. */
export type Prepare<P> = (content: Content, name: FormName) => P | undefined;

/**
 * The same, made once for each content and form: it is equal for all recipients and attempts of a push, and goes with the
 * content.
 */
export function remembered<P extends object>(prepare: Prepare<P>): Prepare<P> {
  const known = new Map<FormName, WeakMap<Content, P | null>>();
  return (content, name) => {
    let ofForm = known.get(name);
    if (ofForm === undefined) {
      ofForm = new WeakMap();
      known.set(name, ofForm);
    }
    let prepared = ofForm.get(content);
    if (prepared === undefined) {
      prepared = prepare(content, name) ?? null;
      ofForm.set(content, prepared);
    }
    return prepared ?? undefined;
  };
}
