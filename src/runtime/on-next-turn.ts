/** Calls back on the next turn of the event loop, after what is waiting to be read by then. */
export function onNextTurn(work: () => void): void {
  setImmediate(work);
}
