import { spawn } from 'node:child_process';

import { workspaceRoot } from './packages.ts';

export interface ProcessResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  /** Default: the root of the repository. */
  readonly cwd?: string;
}

/** Runs a program to its end and keeps what it printed; a failure is a result, not an exception. */
export function runProcess(command: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> {
  const { cwd = workspaceRoot } = options;
  const [program = '', ...args] = command;
  return new Promise((settle) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => settle({ exitCode: 127, stdout, stderr: `${stderr}${error.message}\n` }));
    child.on('close', (code) => settle({ exitCode: code ?? 1, stdout, stderr }));
  });
}
