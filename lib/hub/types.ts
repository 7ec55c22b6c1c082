/**
 * Options and progress of a download.
 *
 * Types only: this module has no code.
 */

export interface DownloadProgress {
  /** The file that is being downloaded, or is complete. */
  readonly file: string;
  /** Bytes of the file that have arrived. */
  readonly loaded: number;
  /** Size of the file in bytes. */
  readonly total: number;
  /** Number of files that are complete. */
  readonly filesDone: number;
  /** Number of files in all. */
  readonly files: number;
}

/** Options of `downloadModel`. */
export interface DownloadOptions {
  /** A branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /**
   * Patterns of further files to download; `*` stands for any characters: ['onnx/*']. Default: only the files that Sinter
   * reads.
   */
  readonly include?: readonly string[];
  /** Called as bytes arrive and when a file is complete. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Ends the download with CANCELLED; what has arrived is kept for the next one. */
  readonly signal?: AbortSignal;
}
