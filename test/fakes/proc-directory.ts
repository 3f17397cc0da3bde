import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A directory that looks like `/proc` to whoever reads the few files of it that attestation reads. */
export class ProcDirectory implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'sds-proc-'));

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text);
  }

  /** A process with this cgroup file that started so many ticks after the machine; its name tries to look like fields. */
  process(pid: number | 'self', cgroup: string, startTicks = 1000): void {
    this.write(`${pid}/cgroup`, cgroup);
    this.start(pid, startTicks);
  }

  start(pid: number | 'self', ticks: number): void {
    const fields = ['S', 1, 1, 1, 0, -1, 4194560, 1, 0, 0, 0, 1, 2, 0, 0, 20, 0, 1, 0, ticks, 4096, 100];
    this.write(`${pid}/stat`, `${pid} (a) S 1 (b ) ${fields.join(' ')}\n`);
  }

  /** What a pidfd of the reader says: the pid, or -1 for a process that has been reaped. */
  descriptor(pidfd: number, pid: number): void {
    this.write(
      `self/fdinfo/${pidfd}`,
      `pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t21215\nPid:\t${pid}\nNSpid:\t${pid}\n`,
    );
  }

  uptime(seconds: number): void {
    this.write('uptime', `${seconds.toFixed(2)} ${(seconds * 1.9).toFixed(2)}\n`);
  }

  pidNamespace(name: string): void {
    mkdirSync(join(this.root, 'self/ns'), { recursive: true });
    symlinkSync(name, join(this.root, 'self/ns/pid'));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
