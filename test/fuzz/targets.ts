import { DRACHTIO_TARGETS } from './drachtio-targets.ts';
import type { FuzzTarget } from './fuzz.ts';
import { IMDN_TARGETS } from './imdn-targets.ts';
import { MSRP_TARGETS } from './msrp-targets.ts';
import { PUSH_TARGETS } from './push-targets.ts';
import { SETTING_TARGETS } from './setting-targets.ts';
import { SIP_TARGETS } from './sip-targets.ts';
import { WBXML_TARGETS } from './wbxml-targets.ts';

/** Every parser of the project. */
export const TARGETS: readonly FuzzTarget[] = [
  ...SIP_TARGETS,
  ...MSRP_TARGETS,
  ...IMDN_TARGETS,
  ...PUSH_TARGETS,
  ...DRACHTIO_TARGETS,
  ...SETTING_TARGETS,
  ...WBXML_TARGETS,
];
