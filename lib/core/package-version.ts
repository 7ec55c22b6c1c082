/**
 * The version of this package, from its package.json.
 */
import { createRequire } from 'node:module';

/** The version as package.json has it: "0.1.0". */
export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require('../../package.json') as { readonly version: string }).version;
}
