/** Calls the listener for each rejected promise that nobody handles; without one, such a promise ends the thread. */
export function onStrayRejection(listener: (thrown: unknown) => void): void {
  process.on('unhandledRejection', listener);
}
