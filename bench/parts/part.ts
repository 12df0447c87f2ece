/** What every part of the bench can be asked. */
export interface CommonCommands {
  /** CPU that the process has used so far with all its threads, microseconds. */
  cpu(): number;
  /** Resident memory, octets. */
  rss(): number;
}

/** A command takes one plain value and answers one. */
export type Commands = { readonly [name: string]: (argument: never) => unknown };

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Microseconds of the machine's monotonic clock: the same in every process. */
export const micros = (): number => Number(process.hrtime.bigint() / 1000n);

/**
 * Runs this process as a part of the bench: starts what it is with the options that the parent gives, and then answers
 * the parent's commands. Ends when the parent lets go of it, by its command `stop` if it has one.
 */
export function runPart<Options, C extends object>(start: (options: Options) => Promise<C> | C): void {
  let commands: Commands = {};
  const common: CommonCommands = {
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    rss: () => process.memoryUsage.rss(),
  };
  const carryOut = async ({ id, name, argument }: Call): Promise<void> => {
    try {
      if (name === 'start') commands = { ...common, ...(await start(argument as Options)) } as Commands;
      const command = commands[name];
      if (command === undefined && name !== 'start') throw new Error(`no command ${name}`);
      reply({ id, result: await command?.(argument as never) });
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  process.on('message', (call: Call) => void carryOut(call));
  process.on('disconnect', () => {
    void Promise.resolve(commands['stop']?.(undefined as never)).finally(() => process.exit(0));
  });
}

const reply = (answer: Reply): void => {
  process.send?.(answer);
};

/** The port of a server that listens on one. */
export function portOf(address: unknown): number {
  if (typeof address === 'object' && address !== null && 'port' in address) return Number(address.port);
  throw new Error('not listening');
}
