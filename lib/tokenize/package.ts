/**
 * The `tokenizers` package, the only file that loads it.
 *
 * It is CommonJS: `import` would first look through its text for exports, which takes as long as everything else in it.
 */

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const { Tokenizer, WordPiece } = require('tokenizers') as typeof import('tokenizers');
