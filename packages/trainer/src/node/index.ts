export { logToFile } from './log-file.ts';
export { resume, saveTrainingState } from './training-folder.ts';
