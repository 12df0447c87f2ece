/** Resolves with the name of the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: string): void => {
      // whoever asks twice does not want to wait
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** Calls `listener` at every SIGHUP; the function it returns ends that, and SIGHUP then does nothing. */
export function onHangUp(listener: () => void): () => void {
  process.on('SIGHUP', listener);
  return () => {
    process.on('SIGHUP', () => undefined);
    process.off('SIGHUP', listener);
  };
}
