/** A stream that a command writes to. */
export interface Output {
  write(text: string): unknown;
  /** True where a person watches. */
  readonly isTTY?: boolean;
}

/** What a command has of the process it runs in. */
export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal?: AbortSignal;
}

/** What a command works with, and how it ends. */
export interface CommandContext extends Terminal {
  /** The exit code where it is not 0 and nothing is thrown. */
  setExitCode(code: number): void;
}

/** Prints one JSON object as a line of stdout. */
export function printJson({ stdout }: Terminal, value: object): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

/** Says something to a person, on stderr. */
export function say({ stderr }: Terminal, text: string): void {
  stderr.write(`${text}\n`);
}
