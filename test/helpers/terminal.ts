// A terminal for tests: a program runs in a pseudo-terminal, which Node cannot make and Python can. It has keys, a
// size, and the screen as the program has written it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type LogOwner, works } from './process.ts';

// A line on standard input is a command: `k` and the keys in hexadecimal, or `s ROWS COLUMNS`.
const PYTHON = `
import fcntl, os, pty, select, signal, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    os.kill(pid, signal.SIGWINCH)
size(int(sys.argv[1]), int(sys.argv[2]))
waiting = b''
while True:
    ready, _, _ = select.select([fd, 0], [], [])
    if fd in ready:
        try: data = os.read(fd, 65536)
        except OSError: break
        if not data: break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if not data: os.kill(pid, signal.SIGKILL); break
        waiting += data
        *lines, waiting = waiting.split(b'\\n')
        for line in lines:
            what, *rest = line.decode().split(' ')
            if what == 'k': os.write(fd, bytes.fromhex(rest[0]))
            else: size(int(rest[0]), int(rest[1]))
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

/** Whether there can be a terminal; if not, the test says so. */
export function hasTerminal(t: LogOwner): boolean {
  if (works('python3', '-c', 'import pty, fcntl')) return true;
  t.log('skipped: there is no python3 to make a pseudo-terminal');
  t.pass();
  return false;
}

export interface TerminalOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export class PseudoTerminal {
  /** All that was written, escape sequences included. */
  written = '';
  /** The exit status of the program. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.written += text;
      for (const look of this.#watchers) look();
    });
    this.exited = once(child, 'close').then(([code]) => {
      for (const look of this.#watchers) look();
      return code as number;
    });
  }

  /** Runs Node with these arguments. The program is ended, by closing its terminal, when the test ends. */
  static start(owner: LogOwner, args: readonly string[], options: TerminalOptions): PseudoTerminal {
    const { rows = 24, columns = 80, env = {} } = options;
    const size = [String(rows), String(columns)];
    const child = spawn('python3', ['-c', PYTHON, ...size, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env },
    });
    const terminal = new PseudoTerminal(child);
    owner.teardown(async () => {
      child.stdin!.end();
      await terminal.exited;
    });
    return terminal;
  }

  press(keys: string): void {
    this.#child.stdin!.write(`k ${Buffer.from(keys).toString('hex')}\n`);
  }

  resize(rows: number, columns: number): void {
    this.#child.stdin!.write(`s ${rows} ${columns}\n`);
  }

  /** The lines of the last whole frame, without styles. */
  get screen(): string[] {
    const frames = this.written.split('\x1b[H').slice(1);
    const whole = frames.findLast((frame) => frame.includes('\x1b[J')) ?? '';
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    return whole.replaceAll(/\x1b\[[\d;?]*[A-Za-z]/g, '').split(/\r+\n/);
  }

  /** Resolves when the screen is as wanted; rejects with what it is when the program ends before. */
  shows(wanted: (screen: string[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const ended = this.#child.exitCode !== null;
        const done = wanted(this.screen);
        if (!done && !ended) return;
        this.#watchers.delete(look);
        if (done) resolve();
        else reject(new Error(`ended, and had shown: ${this.written}`));
      };
      this.#watchers.add(look);
      look();
    });
  }
}
