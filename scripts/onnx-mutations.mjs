// Ways to damage an ONNX file: blindly in its bytes, or in its messages with all lengths kept right, so that the damage reaches
// the code behind the parser. All randomness comes from one seed.

/** A function that returns numbers in [0, 1), the same sequence for the same seed. */
export function randomly(seed) {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

// For each kind of message, its fields that hold messages, and their kinds.
const SCHEMA = {
  model: { 7: 'graph', 8: 'leaf', 14: 'leaf', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value' },
  function: { 7: 'node', 9: 'leaf', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph' },
  tensor: { 13: 'leaf' },
  value: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'leaf' },
  leaf: {},
};

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value, at };
  }
}

function writeVarint(value) {
  const out = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

/** A message as a list of fields: { field, wire, kind?, value | bytes | fields }. */
function parse(bytes, kind) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at);
    const field = Number(tag.value >> 3n);
    const wire = Number(tag.value & 7n);
    if (wire === 0) {
      const { value, at: next } = varint(bytes, tag.at);
      fields.push({ field, wire, value });
      at = next;
    } else if (wire === 2) {
      const length = varint(bytes, tag.at);
      at = length.at + Number(length.value);
      const content = bytes.subarray(length.at, at);
      const inner = SCHEMA[kind][field];
      fields.push(
        inner
          ? { field, wire, kind: inner, fields: parse(content, inner) }
          : { field, wire, bytes: content },
      );
    } else {
      at = tag.at + (wire === 5 ? 4 : 8);
      fields.push({ field, wire, bytes: bytes.subarray(tag.at, at) });
    }
  }
  return fields;
}

function write(fields) {
  return Buffer.concat(
    fields.flatMap((item) => {
      const tag = writeVarint(BigInt(item.field) * 8n + BigInt(item.wire));
      if (item.wire === 0) return [tag, writeVarint(item.value)];
      const content = item.fields ? write(item.fields) : item.bytes;
      return item.wire === 2 ? [tag, writeVarint(BigInt(content.length)), content] : [tag, content];
    }),
  );
}

/** The messages of a tree, each as its list of fields. */
function messages(fields, out = []) {
  out.push(fields);
  for (const item of fields) if (item.fields) messages(item.fields, out);
  return out;
}

const INTERESTING = [
  0n,
  1n,
  2n,
  3n,
  7n,
  16n,
  127n,
  255n,
  999n,
  65536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 40n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const TEXTS = [
  '',
  '..',
  '../w.bin',
  '/etc/passwd',
  'link.bin',
  'w.bin',
  './w.bin',
  'a/../../w.bin',
  'C:\\w.bin',
  '\0',
  '18446744073709551616',
  '-1',
  'Softmax',
  'If',
  'MatMul',
  'Reshape',
  'Constant',
  'com.microsoft',
  'x'.repeat(5000),
];

const pick = (list, random) => list[Math.floor(random() * list.length)];
const someMessage = (tree, random) => {
  const all = messages(tree).filter((fields) => fields.length > 0);
  return pick(all, random) ?? tree;
};

const BLIND = {
  flip(bytes, _, random) {
    const out = Buffer.from(bytes);
    for (let n = 1 + Math.floor(random() * 8); n > 0; n--) {
      out[Math.floor(random() * out.length)] ^= 1 << Math.floor(random() * 8);
    }
    return out;
  },
  truncate: (bytes, _, random) => bytes.subarray(0, Math.floor(random() * bytes.length)),
  splice(bytes, other, random) {
    const from = Math.floor(random() * other.length);
    const piece = other.subarray(from, from + Math.floor(random() * 2000));
    const at = Math.floor(random() * bytes.length);
    const skip = Math.floor(random() * 2000);
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + skip)]);
  },
  overwrite(bytes, _, random) {
    const out = Buffer.from(bytes);
    const at = Math.floor(random() * out.length);
    out.fill(pick([0, 0x7f, 0x80, 0xff], random), at, at + 1 + Math.floor(random() * 12));
    return out;
  },
};

const STRUCTURED = {
  number(tree, _, random) {
    const all = messages(tree)
      .flat()
      .filter((item) => item.wire === 0);
    const item = pick(all, random);
    if (item)
      item.value =
        random() < 0.3 ? item.value + (random() < 0.5 ? 1n : -1n) : pick(INTERESTING, random);
  },
  text(tree, _, random) {
    const all = messages(tree)
      .flat()
      .filter((item) => item.wire === 2 && item.bytes && item.bytes.length < 200);
    const item = pick(all, random);
    if (!item) return;
    const from = pick(all, random);
    item.bytes = random() < 0.5 ? from.bytes : Buffer.from(pick(TEXTS, random));
  },
  shorten(tree, _, random) {
    const all = messages(tree)
      .flat()
      .filter((item) => item.bytes && item.bytes.length > 0);
    const item = pick(all, random);
    if (item) item.bytes = item.bytes.subarray(0, Math.floor(random() * item.bytes.length));
  },
  remove(tree, _, random) {
    const fields = someMessage(tree, random);
    fields.splice(Math.floor(random() * fields.length), 1);
  },
  repeat(tree, _, random) {
    const fields = someMessage(tree, random);
    const item = pick(fields, random);
    if (!item) return;
    const small = !item.fields || write(item.fields).length < 1000;
    const times = small && random() < 0.2 ? 200 : 1;
    for (let i = 0; i < times; i++) fields.push(structuredClone(item));
  },
  swap(tree, _, random) {
    const fields = someMessage(tree, random);
    const [a, b] = [0, 0].map(() => Math.floor(random() * fields.length));
    const { field } = fields[a] ?? {};
    if (field === undefined || !fields[b]) return;
    if (random() < 0.5) [fields[a], fields[b]] = [fields[b], fields[a]];
    else [fields[a].field, fields[b].field] = [fields[b].field, field];
  },
  graft(tree, other, random) {
    const target = someMessage(tree, random);
    const source = someMessage(parse(other, 'model'), random);
    const item = pick(source, random);
    if (item) target.push(item);
  },
  nest(tree, _, random) {
    const node = pick(
      messages(tree).filter((fields) => fields.some((item) => item.kind === 'attribute')),
      random,
    );
    const graph = tree.find((item) => item.kind === 'graph');
    if (!node || !graph) return;
    const small = {
      field: 6,
      wire: 2,
      kind: 'graph',
      fields: structuredClone(graph.fields.slice(0, 3)),
    };
    const fields = [{ field: 1, wire: 2, bytes: Buffer.from('then_branch') }, small];
    node.push({ field: 5, wire: 2, kind: 'attribute', fields });
  },
  external(tree, _, random) {
    const tensors = messages(tree)
      .flat()
      .filter((item) => item.kind === 'tensor');
    const tensor = pick(tensors, random);
    if (!tensor) return;
    const pair = (key, value) => ({
      field: 13,
      wire: 2,
      bytes: write([
        { field: 1, wire: 2, bytes: Buffer.from(key) },
        { field: 2, wire: 2, bytes: Buffer.from(value) },
      ]),
    });
    tensor.fields = tensor.fields.filter((item) => item.field !== 9 || random() < 0.1);
    tensor.fields.push(pair('location', pick(TEXTS, random)), { field: 14, wire: 0, value: 1n });
    if (random() < 0.5)
      tensor.fields.push(pair('offset', pick(['0', '64', '65535', '99999999', ...TEXTS], random)));
    if (random() < 0.3)
      tensor.fields.push(pair('length', pick(['0', '64', '65535', '99999999', ...TEXTS], random)));
  },
};

/** Applies one to three damages to `bytes`; `other` is a second file to take pieces from. */
export function mutate(bytes, other, random) {
  if (random() < 0.35) {
    const kind = pick(Object.keys(BLIND), random);
    return { bytes: BLIND[kind](bytes, other, random), kind };
  }
  const tree = parse(bytes, 'model');
  const kind = pick(Object.keys(STRUCTURED), random);
  STRUCTURED[kind](tree, other, random);
  for (let more = Math.floor(random() * 3); more > 0; more--) {
    STRUCTURED[pick(Object.keys(STRUCTURED), random)](tree, other, random);
  }
  return { bytes: write(tree), kind };
}
