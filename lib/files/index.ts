/**
 * Files and folders that appear whole or not at all: all exports of lib/files for other layers.
 *
 * Everything is written under a temporary name, synced to the disk and renamed. A crash leaves at most a hidden `.sinter-*`,
 * which the next run completes or removes, and never half a model.
 */
export { Claim } from './claim.js';
export {
  aboutFile,
  errnoOf,
  fileError,
  fileSystemError,
  keptNote,
  problemOf,
} from './file-error.js';
export {
  checkFile,
  checkFolder,
  FilePlace,
  type FileToWrite,
  saveFile,
  writeFileAtomic,
  writeFilesAtomic,
} from './file-place.js';
export { type FolderOptions, FolderPlace, writeFolderAtomic } from './folder-place.js';
export { contentOf } from './moves.js';
export { checkFileTarget, followLinks, isSame } from './places.js';
export { checkSpace } from './space.js';
export { endInterrupted } from './swap.js';
export { syncFile, syncFolder } from './sync.js';
