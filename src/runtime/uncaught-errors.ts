/**
 * Ends the thread where nobody catches an error, as Node does, and reports it before. Without it Node takes the whole of
 * the error to the thread that started this one, however large it is.
 */
export function endWhenUncaught(report: (thrown: unknown) => void): void {
  process.on('uncaughtException', (thrown) => {
    report(thrown);
    process.exit(1);
  });
}
