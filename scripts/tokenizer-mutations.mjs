// Damages a tokenizer.json: removes, replaces or doubles fields, swaps components and patterns, nests sequences, puts in
// extreme numbers and texts, changes bytes of the character map, repeats keys.
import {
  anyDecoder,
  anyNormalizer,
  anyPattern,
  anyPreTokenizer,
  NUMBERS,
  TEXTS,
  VALUES,
} from './tokenizer-parts.mjs';

/** Mutates `tokenizer` (a parsed value); returns the text of the file and the kind of the mutation. */
export function mutateTokenizer(tokenizer, random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const copy = structuredClone(tokenizer);
  const kinds = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const [name, change] = pick(WEIGHTED);
    change(copy, { random, pick });
    return name;
  });
  let text = JSON.stringify(copy);
  const chance = random();
  if (chance < 0.03) {
    text = `{"normalizer":${JSON.stringify(anyNormalizer({ random, pick }))},${text.slice(1)}`;
    kinds.push('twice');
  } else if (chance < 0.04) {
    const depth = pick([100, 30_000]);
    const open = '{"type":"Sequence","decoders":['.repeat(depth);
    text = `${text.slice(0, -1)},"decoder":${open}${']}'.repeat(depth)}}`;
    kinds.push('deep');
  } else if (chance < 0.05) {
    text = text.slice(0, Math.floor(random() * text.length));
    kinds.push('cut');
  }
  return { text, kind: kinds.join('+') };
}

/** All places of a value outside of vocabularies, as [holder, key]. */
function places(value, found = [], depth = 0) {
  if (typeof value !== 'object' || value === null || depth > 20) return found;
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const key of keys) {
    found.push([value, key]);
    if (key !== 'vocab' && key !== 'merges') places(value[key], found, depth + 1);
  }
  return found;
}

const CHANGES = {
  remove(tokenizer, { pick }) {
    const [holder, key] = pick(places(tokenizer)) ?? [];
    if (Array.isArray(holder)) holder.splice(key, 1);
    else if (holder) delete holder[key];
  },
  replace(tokenizer, { pick }) {
    const [holder, key] = pick(places(tokenizer)) ?? [];
    if (holder) holder[key] = structuredClone(pick(VALUES));
  },
  likeReplace(tokenizer, { pick, random }) {
    const [holder, key] = pick(places(tokenizer)) ?? [];
    const old = holder?.[key];
    if (typeof old === 'number') holder[key] = pick(NUMBERS);
    if (typeof old === 'string') holder[key] = pick(TEXTS);
    if (typeof old === 'boolean') holder[key] = random() < 0.5;
  },
  double(tokenizer, { pick }) {
    const lists = places(tokenizer).filter(
      ([holder, key]) => Array.isArray(holder[key]) && holder[key].length > 0,
    );
    const [holder, key] = pick(lists) ?? [];
    if (holder) holder[key].push(structuredClone(pick(holder[key])));
  },
  rename(tokenizer, { pick }) {
    const [holder, key] = pick(places(tokenizer).filter(([one]) => !Array.isArray(one))) ?? [];
    if (!holder) return;
    holder[pick(['x', 'type', 'id', '__proto__', 'content'])] = holder[key];
  },
  normalizer(tokenizer, tools) {
    const one = anyNormalizer(tools);
    const more = [tokenizer.normalizer, one, anyNormalizer(tools)].filter((part) => part);
    tokenizer.normalizer = tools.random() < 0.5 ? one : { type: 'Sequence', normalizers: more };
  },
  preTokenizer(tokenizer, tools) {
    const one = anyPreTokenizer(tools);
    const more = [tokenizer.pre_tokenizer, one, anyPreTokenizer(tools)].filter((part) => part);
    tokenizer.pre_tokenizer =
      tools.random() < 0.5 ? one : { type: 'Sequence', pretokenizers: more };
  },
  decoder(tokenizer, tools) {
    const one = anyDecoder(tools);
    tokenizer.decoder =
      tools.random() < 0.5 ? one : { type: 'Sequence', decoders: [one, anyDecoder(tools)] };
  },
  processor(tokenizer, { pick }) {
    const old = tokenizer.post_processor;
    const bert = { type: 'BertProcessing', sep: ['x', 1], cls: ['y', pick(NUMBERS)] };
    const level = {
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    };
    const parts = [bert, level, old, pick([bert, level, old])].filter((part) => part);
    tokenizer.post_processor = pick([
      null,
      bert,
      level,
      { type: 'Sequence', processors: parts },
      { type: 'Sequence', processors: [level, bert] },
    ]);
  },
  templatePiece({ post_processor: processor }, { pick, random }) {
    if (processor?.type !== 'TemplateProcessing') return;
    const piece = pick([
      { Sequence: { id: pick(['A', 'B']), type_id: 0 } },
      {
        SpecialToken: {
          id: pick(Object.keys(processor.special_tokens ?? {}).concat('x')),
          type_id: 9,
        },
      },
    ]);
    const list = processor[pick(['single', 'pair'])];
    const times = random() < 0.1 ? 1000 : 1;
    if (Array.isArray(list))
      for (let i = 0; i < times; i++) list.splice(Math.floor(random() * list.length), 0, piece);
  },
  nest(tokenizer, { pick, random }) {
    const [key, list] = pick([
      ['normalizer', 'normalizers'],
      ['pre_tokenizer', 'pretokenizers'],
      ['post_processor', 'processors'],
      ['decoder', 'decoders'],
    ]);
    const depth = pick([1, 2, 4, 40, 300]);
    for (let i = 0; i < depth; i++)
      tokenizer[key] = { type: 'Sequence', [list]: tokenizer[key] ? [tokenizer[key]] : [] };
    if (random() < 0.3 && depth < 5)
      tokenizer[key][list] = Array(pick([2, 100])).fill(tokenizer[key][list][0] ?? { type: 'NFC' });
  },
  addedToken(tokenizer, { pick, random }) {
    if (!Array.isArray(tokenizer.added_tokens)) return;
    const flag = () => random() < 0.4;
    const content = pick([
      'a',
      'the',
      ' ',
      '  ',
      ' a',
      'a ',
      '\n',
      '\u0301',
      '中',
      'x',
      'Ａ',
      '.',
      '\u00ad',
      '',
      '\u200b',
      ...TEXTS,
    ]);
    const token = {
      id: pick(NUMBERS),
      content,
      single_word: flag(),
      lstrip: flag(),
      rstrip: flag(),
      normalized: flag(),
      special: flag(),
    };
    tokenizer.added_tokens.push(token);
  },
  vocabulary({ model }, { pick, random }) {
    if (typeof model?.vocab !== 'object' || model.vocab === null) return;
    if (Array.isArray(model.vocab)) {
      const piece = [pick(TEXTS), pick(NUMBERS)];
      if (random() < 0.3)
        model.vocab.splice(Math.floor(random() * model.vocab.length), 1 + Math.floor(random() * 5));
      else model.vocab[Math.floor(random() * model.vocab.length)] = piece;
      if (random() < 0.1) for (let i = 1; i < 250; i++) model.vocab.push(['a'.repeat(i), -i]);
    } else if (random() < 0.5) delete model.vocab[pick(Object.keys(model.vocab))];
    else model.vocab[pick(TEXTS)] = pick(NUMBERS);
  },
  model(tokenizer, { pick }) {
    const { model } = tokenizer;
    if (!model) return;
    const prefix = pick(['', '##', 'a', '中', 'ab'.repeat(20), null]);
    const more = [
      { continuing_subword_prefix: prefix },
      { end_of_word_suffix: prefix },
      { max_input_chars_per_word: pick([0, 1, 200, ...NUMBERS]) },
      { unk_id: pick([null, ...NUMBERS]) },
      { unk_token: pick(TEXTS) },
      { byte_fallback: true, fuse_unk: true },
      { dropout: pick([0, 0.5, 1, 2, -1]) },
      { type: pick(['BPE', 'WordPiece', 'WordLevel', 'Unigram']) },
      { vocab: pick([{}, [], { a: 0 }, [['a', 0]]]) },
    ];
    Object.assign(model, pick(more));
  },
  merges({ model }, { pick }) {
    if (!Array.isArray(model?.merges)) return;
    const tokens = Object.keys(model.vocab ?? { a: 0 });
    const pair = [pick(tokens), pick(tokens)];
    const merge = pick([
      pair,
      pair.join(' '),
      ['', pick(tokens)],
      [pick(tokens), 'a'.repeat(500)],
      'a',
      'a b c',
      '#version 1',
      [pick(tokens)],
    ]);
    model.merges.splice(0, pick([0, 1]), merge);
  },
  charsmap(tokenizer, { random }) {
    for (const [holder, key] of places(tokenizer)) {
      if (key !== 'precompiled_charsmap' || typeof holder[key] !== 'string') continue;
      const bytes = Buffer.from(holder[key], 'base64');
      for (let i = 0; i < 1 + random() * 8 && bytes.length > 0; i++)
        bytes[Math.floor(random() * random() * bytes.length)] = random() * 256;
      holder[key] = (random() < 0.2 ? bytes.subarray(0, random() * bytes.length) : bytes).toString(
        'base64',
      );
    }
  },
  regex(tokenizer, tools) {
    for (const [holder, key] of places(tokenizer)) {
      if (key === 'pattern') holder.pattern = anyPattern(tools);
    }
  },
};

/**
 * Changes of components come three times as often: the fuzzer encodes with every file that loads, and components decide how
 * long that takes.
 */
const WEIGHTED = Object.entries(CHANGES).flatMap((change) =>
  ['normalizer', 'preTokenizer', 'regex', 'addedToken', 'charsmap'].includes(change[0])
    ? [change, change, change]
    : [change],
);
