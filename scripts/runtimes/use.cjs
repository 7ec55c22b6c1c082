// The package by require().
const { Encoder } = require(process.argv[2]);

Encoder.load()
  .then((encoder) => encoder.embed(['a text']))
  .then(({ cols }) => console.log(`require: ${cols}`));
