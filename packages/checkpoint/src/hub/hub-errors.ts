import { LatteFlowError } from '@latte-flow/core';

const WHERE = 'openHubStore';

/** What the Hub answers in place of what it was asked for, in words. `subject` is `owner/name` or a file of it. */
export function answerError(
  { status, headers, url }: Response,
  { subject, hasToken }: { readonly subject: string; readonly hasToken: boolean },
): LatteFlowError {
  const code = headers.get('x-error-code');
  const got = `HTTP ${status}${code === null ? '' : ` ${code}`}`;
  const data = { status, code, url };
  const error = (kind: 'access-denied' | 'file-not-found' | 'download-failed', remedy: string) =>
    new LatteFlowError(kind, { where: WHERE, expected: `${subject} on the Hub`, got, remedy, data });
  if (code === 'GatedRepo') {
    return error(
      'access-denied',
      `The model is gated: accept its terms on its page, and pass ${hasToken ? 'the' : 'a'} token of that account as HF_TOKEN or accessToken.`,
    );
  }
  if (code === 'RepoNotFound')
    return error(
      'file-not-found',
      'Check its name, or the path if it is a folder here; a private model needs HF_TOKEN or accessToken.',
    );
  if (code === 'RevisionNotFound') return error('file-not-found', 'Name a branch, tag or commit that the model has.');
  if (status === 401 || status === 403) {
    return error(
      'access-denied',
      hasToken
        ? 'The token may not read it: check its name and the rights of the token.'
        : 'Check its name, or the path if it is a folder here; a private or gated model needs HF_TOKEN or accessToken.',
    );
  }
  if (status === 404 || status === 410) return error('file-not-found', 'Check its name and the revision.');
  return error('download-failed', 'Try again later.');
}

/** The connection failed or fell silent; what has come is kept. */
export function connectionError(subject: string, { got, cause }: { readonly got: string; readonly cause?: unknown }) {
  return new LatteFlowError('download-failed', {
    where: WHERE,
    expected: `${subject} from the Hub`,
    got,
    remedy:
      'Check the connection and try again: what has come is kept. localFilesOnly loads what was downloaded before.',
    data: { subject },
    cause,
  });
}

/** What came is not the file. Nothing of it is kept. */
export function contentError(
  subject: string,
  { expected, got }: { readonly expected: string; readonly got: string },
): LatteFlowError {
  return new LatteFlowError('checkpoint-invalid', {
    where: WHERE,
    expected: `${subject} ${expected}`,
    got,
    remedy: 'Try again; if it stays so, a proxy or the mirror alters the file.',
    data: { subject },
  });
}

/** True where another try may help: the connection failed, or the server was busy or broken. */
export function isTransient(error: unknown): boolean {
  if (!LatteFlowError.isInstance(error) || error.code !== 'download-failed') return false;
  const { status } = error.data;
  return typeof status !== 'number' || status === 408 || status === 429 || status >= 500;
}
