/**
 * The first steps of a load: resolves a name to a path, and begins to open an ONNX file.
 *
 * The rule: nothing is imported here that only later steps need. The worker thread of an ONNX file starts here, and those
 * modules are loaded while it works.
 */

import { throwIfAborted, typeMistake } from '../core/errors.js';
import { resolveModel } from '../hub/resolve.js';
import { ensureLanes } from '../native/lanes.js';
import { findOnnxFile } from './find-onnx.js';
import type { LoadSettings } from './load-model.js';
import { checkNoPositions } from './no-positions.js';
import type { FilesBesideOnnx } from './onnx/beside-onnx.js';
import type { OnnxFolder } from './onnx/recovered-folder.js';

export interface LocatedModel {
  readonly path: string;
  /** null where `path` is no ONNX model. */
  readonly onnx: OpeningOnnx | null;
}

/** An ONNX file that is being opened. */
export interface OpeningOnnx {
  readonly folder: Promise<OnnxFolder>;
  /** Resolves long before `folder`; stays pending when `folder` fails. */
  readonly beside: Promise<FilesBesideOnnx>;
}

/** Finds the folder, the ONNX file or the model id `name` and begins to open an ONNX file. `where` names the call in messages. */
export async function locateModel(
  where: string,
  name: string,
  settings: LoadSettings,
): Promise<LocatedModel> {
  const { lanes, signal, hub } = settings;
  if (typeof name !== 'string') throw typeMistake(`${where}: path`, 'a string', name);
  throwIfAborted(signal, where);
  ensureLanes(where, lanes);
  const path = await resolveModel(where, name, { ...hub, ...(signal && { signal }) });
  const file = await findOnnxFile(path);
  if (file === null) checkNoPositions(where, path, settings.firstPosition);
  return { path, onnx: file === null ? null : await beginOnnx(where, file, settings) };
}

/** Begins to open an ONNX file. */
export async function beginOnnx(
  where: string,
  file: string,
  settings: LoadSettings,
): Promise<OpeningOnnx> {
  const { signal, widen = false, firstPosition, cache = true, verify = true } = settings;
  const { openOnnxFolder } = await import('./onnx/open-onnx.js');
  let onBeside: (beside: FilesBesideOnnx) => void = () => {};
  const beside = new Promise<FilesBesideOnnx>((resolve) => {
    onBeside = resolve;
  });
  const read = { widen, firstPosition, cache, verify };
  const folder = openOnnxFolder(file, { where, signal, ...read, onBeside });
  // The error is thrown where `folder` is awaited.
  folder.catch(() => {});
  return { folder, beside };
}
