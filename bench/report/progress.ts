// What the bench is at, for whoever waits for it. It knows nothing of what is measured.

/** One line on the terminal that is written over; nothing where there is no terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
