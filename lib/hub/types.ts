/**
 * Options and progress of a download.
 *
 * Types only: this module has no code.
 */

export interface DownloadProgress {
  /** The file that is being downloaded, or is complete. */
  readonly file: string;
  /** Bytes of the file that have arrived, and in all. */
  readonly loaded: number;
  readonly total: number;
  /** Files that are complete, and in all. */
  readonly filesDone: number;
  readonly files: number;
}

export interface DownloadOptions {
  /** A branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /**
   * Patterns of further files to download; `*` stands for any characters: ['onnx/*']. Default: only the files that Sinter
   * reads.
   */
  readonly include?: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}
