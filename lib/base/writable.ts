/**
 * A value while it is being made: properties that are not there are left out by not setting them. Spreading conditions
 * into a literal reads better and costs several times as much, which counts for what every push makes.
 */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
