/**
 * Limits on files that are read: far above any real model or data set, small enough to be harmless.
 *
 * The rule: every message that refuses a file for its size names the limit. Limits of ONNX files: formats/onnx/import.
 */

const MiB = 2 ** 20;

/** Files of a model folder that are read as a whole: config.json, vocab.json, shard indexes. */
export const MAX_SMALL_FILE_BYTES = 16 * MiB;
/** vocab.txt and merges.txt. The largest published one has 5 MB (LaBSE, half a million tokens). */
export const MAX_LIST_BYTES = 8 * MiB;
/** tokenizer.json. The largest published ones have 17 MB (XLM-R) to 65 MB (XLM-V, a million tokens). */
export const MAX_TOKENIZER_BYTES = 100 * MiB;
/** Objects, arrays, numbers and strings in one JSON file: they decide how much memory it takes, more than its bytes. */
export const MAX_JSON_VALUES = 1_000_000;
/** Values in tokenizer.json: XLM-V has 2.7 million. */
export const MAX_TOKENIZER_VALUES = 4_000_000;
/** Nesting of arrays and objects; config.json has 3 levels, tokenizer.json 8. */
export const MAX_JSON_DEPTH = 64;

/** The JSON header of a safetensors file: about 100 bytes a tensor. The format itself allows 100 MB. */
export const MAX_HEADER_BYTES = 8 * MiB;
/** The directory of a PyTorch zip file, about 100 bytes a tensor; the pickle in it takes as much again. */
export const MAX_ZIP_TABLE_BYTES = 16 * MiB;
export const MAX_PICKLE_BYTES = 16 * MiB;
/** Tensors in one file, or in all shards; a large model has 1,000. */
export const MAX_TENSORS = 50_000;
/** Axes of a tensor. */
export const MAX_AXES = 8;
/** Files that the weights of one model are spread over: all are open while the model is read. */
export const MAX_SHARDS = 512;

/** One line of text or JSON, in UTF-16 units, and one row of CSV, in bytes. */
export const MAX_LINE_UNITS = 16 * MiB;
/** Columns of a CSV or TSV file. */
export const MAX_COLUMNS = 100_000;
