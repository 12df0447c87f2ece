/** One level of a pino-shaped logger: fields first, sentence second. */
export interface LogMethod {
  (fields: object, message: string): void;
  (message: string): void;
}

/** What the gateway asks of a logger; pino, bunyan and roarr fit as they are. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
}

const nothing = (): void => undefined;

/** The default of the library: a library that was given no logger writes nowhere. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
