// Prints the milliseconds from the start of this process to its first line, of the import, of the load of the model at argv[2], and of the
// first vector.
const begin = performance.now();
const { Encoder } = await import('../../dist/bundle/index.js');
const imported = performance.now();
const encoder = await Encoder.load(process.argv[2]);
const loaded = performance.now();
await encoder.embed(['a text']);
const done = performance.now();
console.log(JSON.stringify([begin, imported - begin, loaded - imported, done - loaded]));
process.exit(0);
