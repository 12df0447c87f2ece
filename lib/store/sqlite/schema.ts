import type { Attempted, RecipientState } from '../../model/states.ts';

/** Numbers of the states in the database: below {@link FINAL_FROM} is not over, and up to AWAITING may run out of time. */
export const PENDING = 0;
export const AWAITING = 1;
export const SENDING = 2;
export const FINAL_FROM = 3;

export const STATES: readonly RecipientState[] = [
  'pending',
  'awaiting-confirmation',
  'sending',
  'delivered',
  'undeliverable',
  'expired',
  'aborted',
  'timeout',
  'cancelled',
];

const NUMBERS = Object.fromEntries(STATES.map((state, number) => [state, number])) as Record<RecipientState, number>;

export const stateNumber = (state: RecipientState): number => NUMBERS[state];

export const ATTEMPTED: readonly Attempted[] = ['no', 'refused', 'unknown'];
export const ATTEMPTED_UNKNOWN = 2;
export const attemptedNumber = (attempted: Attempted): number => ATTEMPTED.indexOf(attempted);

/** notify of a push: no result is told; each recipient's; or one for each address text, some having several recipients. */
export const NOTIFY_NONE = 0;
export const NOTIFY_EACH = 1;
export const NOTIFY_GROUPS = 2;

/** notify_state of a recipient; notify_due is set for the two that still have something to do. */
export const OWED = 1;
export const LEASED = 2;
export const DEAD = 3;
export const DONE = 4;

/**
 * Version 1. Why it looks like this:
 * - The push row holds the content: one statement writes it and the one that marks the push as done takes it away.
 *   An ordinary rowid table, since a row without rowid spills to an overflow page from about 1,000 octets on.
 * - Recipients are clustered by push key, so new ones are appended and those of a push lie together.
 * - Everything a claim at acceptance passes through touches the two rows and one tiny index; the indexes on waiting
 *   recipients are partial and see only what really waits.
 * - Leases are not stored: one process owns the file, so a lease found in it at open is void.
 */
export const SCHEMA_1: string = `
  CREATE TABLE push (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    initiator TEXT NOT NULL,
    push_id TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    notify INTEGER NOT NULL,   -- 1: has a notify URL; 2: and recipients that share an address
    done INTEGER,              -- when the last recipient became final
    data TEXT NOT NULL,        -- JSON: the rest of Push
    head TEXT,                 -- JSON: type and headers of the content; NULL once it is gone
    body BLOB                  -- last, so that nothing is read past it
  );
  CREATE UNIQUE INDEX push_by_id ON push (initiator, push_id);
  CREATE INDEX push_done ON push (done) WHERE done IS NOT NULL;

  CREATE TABLE recipient (
    key TEXT NOT NULL,
    idx INTEGER NOT NULL,
    push INTEGER NOT NULL,     -- push.id
    aor TEXT NOT NULL,
    text TEXT NOT NULL,
    instance TEXT,
    gruu TEXT,
    rank INTEGER NOT NULL,     -- of the priority, 0 first
    proof INTEGER NOT NULL,    -- 1: the initiator wants a confirmed delivery
    state INTEGER NOT NULL,
    due INTEGER NOT NULL DEFAULT 0,
    offline INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    ends INTEGER NOT NULL,
    attempted INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    offline_tries INTEGER NOT NULL DEFAULT 0,
    code INTEGER NOT NULL DEFAULT 1001,
    description TEXT,          -- NULL: the standing one of the code
    event_time INTEGER NOT NULL,
    confirmed INTEGER NOT NULL, -- deliveredBy
    notify_state INTEGER NOT NULL DEFAULT 0,
    notify_due INTEGER,        -- NULL: nothing to do
    notify_claims INTEGER NOT NULL DEFAULT 0,
    attempts TEXT,             -- JSON array; NULL: none
    PRIMARY KEY (key, idx)
  ) WITHOUT ROWID;
  -- the waiting line of an address-of-record: those behind (due 0) by priority, then those with a time of their own
  CREATE INDEX recipient_line ON recipient (aor, due, rank, key, idx) WHERE state = 0;
  -- what claimDue looks through
  CREATE INDEX recipient_due ON recipient (rank, due, key, idx) WHERE state = 0 AND due > 0;
  CREATE INDEX recipient_ends ON recipient (ends, key, idx) WHERE state <= 1;
  -- tiny: only what is in flight; read at open
  CREATE INDEX recipient_sending ON recipient (key, idx) WHERE state = 2;
  CREATE INDEX recipient_notify ON recipient (notify_due, key, idx) WHERE notify_due IS NOT NULL;
  CREATE INDEX recipient_dead ON recipient (key, idx) WHERE notify_state = 3;

  CREATE TABLE registration (aor TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE binding (
    aor TEXT NOT NULL,
    key TEXT NOT NULL,
    data TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (aor, key)
  ) WITHOUT ROWID;
`;
