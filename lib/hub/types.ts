/**
 * What a caller says about a download, and hears of it.
 *
 * Types only; nothing here runs.
 */

export interface DownloadProgress {
  /** The file that is being fetched, or is there whole. */
  readonly file: string;
  /** Bytes of it that are there, and in all. */
  readonly loaded: number;
  readonly total: number;
  /** Files that are there whole, and in all. */
  readonly filesDone: number;
  readonly files: number;
}

export interface DownloadOptions {
  /** A branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /** Further files by pattern, `*` for any characters: ['onnx/*']. Default: what Sinter reads. */
  readonly include?: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}
