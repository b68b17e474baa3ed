const WIDTH = 30;

/** Draws how far a job is on stderr: one line that rewrites itself on a terminal, a line every tenth elsewhere. */
export function progressBar(title: string): (done: number, total: number) => void {
  const { stderr } = process;
  let shown = stderr.isTTY ? -1 : 0;
  return (done, total) => {
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    const due = stderr.isTTY ? percent > shown : percent >= shown + 10 || (percent === 100 && shown < 100);
    if (!due) return;
    shown = stderr.isTTY ? percent : percent - (percent % 10);
    if (!stderr.isTTY) {
      stderr.write(`${title}: ${done} of ${total} (${percent} %)\n`);
      return;
    }
    const filled = Math.round((WIDTH * percent) / 100);
    const bar = '#'.repeat(filled).padEnd(WIDTH, '.');
    stderr.write(`\r${title} [${bar}] ${percent} %${percent === 100 ? '\n' : ''}`);
  };
}
