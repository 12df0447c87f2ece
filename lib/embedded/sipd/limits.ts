/** What bounds the protocol port. Times are milliseconds, sizes octets. */
export interface SipdLimits {
  /** Connections at a time; more are closed at once. Default 64. */
  readonly maxClients: number;
  /** A connection must authenticate within this. Default 10,000. */
  readonly authenticateWithin: number;
  /** Octets that may wait for a client to read them; beyond it the client is disconnected. Default 8 MiB. */
  readonly maxUnread: number;
  /** Inbound requests that wait for their answers; beyond it 503. Default 20,000. */
  readonly maxHeld: number;
  /** Requests of one client that wait for their final responses; beyond it NOK. Default 20,000. */
  readonly maxInFlight: number;
  /** An inbound request that no application answers is forgotten after this. Default 64,000, as on drachtio-server. */
  readonly holdFor: number;
  /** Routes of one client; repeated routes add weight in the round robin. Default 256. */
  readonly maxRoutes: number;
  /** Dialogs of all clients, early ones too; beyond it INVITE gets 503 or NOK. Default 20,000. */
  readonly maxDialogs: number;
  /** Destinations of one proxy command, redirections included. Default 32. */
  readonly maxBranches: number;
  /** Calls whose later requests are proxied (remainInDialog); the oldest is forgotten first. Default 20,000. */
  readonly maxProxied: number;
}

export const DEFAULT_LIMITS: SipdLimits = {
  maxClients: 64,
  authenticateWithin: 10_000,
  maxUnread: 8 * 1024 * 1024,
  maxHeld: 20_000,
  maxInFlight: 20_000,
  holdFor: 64_000,
  maxRoutes: 256,
  maxDialogs: 20_000,
  maxBranches: 32,
  maxProxied: 20_000,
};
