export { writeFile, writeFolder } from './write-folder.ts';
export type { FileContent, WriteOptions } from './write-folder.ts';
