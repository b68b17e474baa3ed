/** Below it a score's row saw nothing but hidden keys. */
export const BLIND = '-5e29';
/** The log-sum-exp of a row that sees nothing: every weight made from it is 0. */
export const NOTHING = '1e38';
/** Above it a log-sum-exp is that of such a row. */
export const BLIND_LOG = '1e37';
