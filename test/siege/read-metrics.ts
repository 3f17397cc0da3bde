/** Scrapes an agent on this host. Gives the value of a sample by its name, with labels as they are written; 0 for none. */
export async function readMetrics(port: number): Promise<(sample: string) => number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = new Map(
    text.split('\n').map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
  return (sample) => samples.get(sample) ?? 0;
}
