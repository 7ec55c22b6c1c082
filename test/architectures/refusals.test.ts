// The values of config.json that each family refuses, and the limits that follow from the lengths in it.
import { describe, expect, it } from 'vitest';
import { configFromGraph, familyGraph } from '../../lib/architectures/index.js';
import { SinterError } from '../../lib/core/errors.js';
import type { JsonObject, JsonValue } from '../../lib/core/json.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { FAMILIES, type FamilyParameters } from './parameters.js';

const graphOf = (family: string, change: JsonObject) =>
  familyGraph({ ...FAMILIES[family]?.config, ...change }, { task: 'embedding' });

const UNSUPPORTED: readonly [string, JsonObject, string][] = [
  ['bert', { position_embedding_type: 'relative_key_query' }, 'position_embedding_type'],
  ['bert', { pruned_heads: { 0: [1] } }, 'pruned_heads'],
  ['bert', { add_cross_attention: true }, 'add_cross_attention true (supported: false)'],
  ['roberta', { is_decoder: true }, 'is_decoder true (supported: false)'],
  ['distilbert', { activation: 'mish' }, 'activation "mish"'],
  ['mpnet', { relative_attention_num_buckets: 64 }, 'relative_attention_num_buckets 64'],
  ['albert', { position_embedding_type: 'relative_key' }, 'position_embedding_type'],
  ['electra', { hidden_act: 'gelu_10' }, 'hidden_act "gelu_10"'],
  ['modernbert', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'rope_scaling'],
  ['modernbert', { classifier_pooling: 'max' }, 'classifier_pooling "max"'],
  ['deberta-v3', { conv_kernel_size: 3 }, 'conv_kernel_size 3 (supported: 0)'],
  ['deberta-v3', { attention_head_size: 16 }, 'attention_head_size 16 (supported: 8)'],
  ['deberta-v3', { pooler_hidden_size: 16 }, 'pooler_hidden_size 16 (supported: 32)'],
  ['deberta-v3', { pos_att_type: ['p2c', 'p2p'] }, 'pos_att_type p2p'],
  ['deberta-v3', { pos_att_type: [] }, 'relative_attention without pos_att_type'],
  ['deberta-v3', { norm_rel_ebd: 'batch_norm' }, 'norm_rel_ebd "batch_norm"'],
  ['nomic', { prenorm: true }, 'prenorm true (supported: false)'],
  ['nomic', { rotary_emb_interleaved: true }, 'rotary_emb_interleaved true'],
  ['nomic', { rotary_emb_scale_base: 512 }, 'rotary_emb_scale_base'],
  ['nomic', { num_experts: 8 }, 'num_experts 8 (supported: 0)'],
  ['nomic', { num_heads_kv: 2 }, 'num_heads_kv 2 (supported: 4)'],
  ['nomic', { activation_function: 'glu' }, 'activation_function "glu"'],
];

const CORRUPT: readonly [string, JsonObject, string][] = [
  ['roberta', { max_position_embeddings: 2 }, 'max_position_embeddings must be more than 2, got 2'],
  ['roberta', { pad_token_id: -1 }, 'pad_token_id must be an integer from 0, got -1'],
  ['albert', { num_hidden_groups: 0 }, 'num_hidden_groups must be an integer from 1 to 4'],
  ['albert', { inner_group_num: 0 }, 'inner_group_num must be an integer from 1 to 256, got 0'],
  ['albert', { inner_group_num: 1e6 }, 'inner_group_num must be an integer from 1 to 256'],
  ['modernbert', { num_attention_heads: 32 }, 'a divisor of half of hidden_size 32'],
  ['modernbert', { norm_bias: 'no' }, 'norm_bias must be true or false, got "no"'],
  ['modernbert', { num_hidden_layers: 2e9 }, 'num_hidden_layers must be an integer from 1 to 1024'],
  ['deberta-v3', { position_buckets: 7.5 }, 'position_buckets must be an integer, got 7.5'],
  ['deberta-v3', { pos_att_type: 3 }, 'pos_att_type must be a list, got 3'],
  ['nomic', { rotary_emb_fraction: 2 }, 'rotary_emb_fraction must be a number from 0 to 1, got 2'],
];

/** Values of a wrong type, put in place of a number, a name or a list. */
const STRANGE: readonly JsonValue[] = [
  null,
  true,
  false,
  '',
  'gelu',
  '__proto__',
  -1,
  0,
  1,
  3,
  7.5,
  1e308,
  2 ** 31,
  [],
  [null],
  ['c2p'],
  {},
  { full_attention: 3 },
];

describe('a config.json', () => {
  it.each(Object.keys(FAMILIES))('of %s with strange values is read or refused', (family) => {
    const { config } = FAMILIES[family] as FamilyParameters;
    const tasks = ['embedding', 'classification', 'masked-lm'] as const;
    let refused = 0;
    for (const key of [
      ...Object.keys(config),
      'rope_parameters',
      'layer_types',
      'embedding_size',
    ]) {
      for (const value of STRANGE) {
        for (const task of tasks) {
          try {
            validateGraph(familyGraph({ ...config, [key]: value }, { task }));
          } catch (error) {
            expect(error).toBeInstanceOf(SinterError);
            expect((error as SinterError).code).toMatch(/^(CORRUPT|UNSUPPORTED)_MODEL$/);
            refused++;
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  it.each(UNSUPPORTED)('of %s with %o is unsupported', (family, change, message) => {
    expect(() => graphOf(family, change)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each(CORRUPT)('of %s with %o is corrupt', (family, change, message) => {
    expect(() => graphOf(family, change)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MODEL', message: expect.stringContaining(message) }),
    );
  });

  it('of Nomic BERT with the keys of transformers 5 is unsupported, not corrupt', () => {
    const { n_embd: _, ...config } = FAMILIES.nomic?.config ?? {};
    const change = { ...config, hidden_size: 32 };
    expect(() => familyGraph(change, { task: 'embedding' })).toThrow(/unsupported hidden_size/);
    expect(() => graphOf('nomic', {})).not.toThrow();
    const request = { task: 'masked-lm' } as const;
    expect(() => familyGraph(FAMILIES.nomic?.config ?? {}, request)).toThrow(
      /unsupported task masked-lm for model_type nomic_bert/,
    );
  });

  it('of Nomic BERT that stretches angles ends at the trained length', () => {
    expect(graphOf('nomic', {}).maxTokens).toBe(8192);
    expect(graphOf('nomic', { rotary_scaling_factor: 2 }).maxTokens).toBe(2048);
  });

  it('of Nomic BERT says sizes that are rounded up', () => {
    const { weights } = graphOf('nomic', { n_inner: 257, vocab_size: 300 });
    const shapes = new Map(weights.map(({ name, shape }) => [name, shape]));
    expect(shapes.get('encoder.layers.0.mlp.fc11.weight')).toEqual([512, 32]);
    expect(shapes.get('embeddings.word_embeddings.weight')).toEqual([320, 32]);
  });

  it('says the longest text: the positions that are left behind the padding id', () => {
    expect(graphOf('roberta', { pad_token_id: 3 }).maxTokens).toBe(36);
    expect(graphOf('mpnet', { pad_token_id: 3 }).maxTokens).toBe(38);
    expect(graphOf('bert', { pad_token_id: 3 }).maxTokens).toBe(40);
  });

  it('of ModernBERT says which layers are local; null means the global angle', () => {
    const kinds = (change: JsonObject) =>
      graphOf('modernbert', change).nodes.flatMap((node) =>
        node.op === 'attention' ? [[node.window, node.rotary?.theta]] : [],
      );
    const [all, near] = [
      [undefined, 160000],
      [4, 10000],
    ];
    expect(kinds({})).toEqual([all, near, near, all]);
    expect(kinds({ global_attn_every_n_layers: 1 })).toEqual([all, all, all, all]);
    expect(kinds({ local_rope_theta: null })[1]).toEqual([4, 160000]);
  });

  it('of ModernBERT may be of transformers 5, which lists layers and nests angles', () => {
    const {
      global_rope_theta: _,
      local_rope_theta: __,
      ...old
    } = FAMILIES.modernbert?.config ?? {};
    const kinds = ['full_attention', 'sliding_attention', 'sliding_attention', 'full_attention'];
    const config: JsonObject = {
      ...old,
      layer_types: kinds,
      rope_parameters: {
        full_attention: { rope_theta: 160000, rope_type: 'default' },
        sliding_attention: { rope_theta: 10000, rope_type: 'default' },
      },
    };
    const request = { task: 'embedding' } as const;
    const graph = familyGraph(config, request);
    expect(graph).toEqual(graphOf('modernbert', {}));
    const head = { ...request, labels: null, problem: null };
    const { architectures: _a, ...again } = configFromGraph(graph, config, head);
    expect(again).toEqual(config);
    const irregular = {
      ...config,
      layer_types: [...kinds].reverse().toSpliced(1, 1, kinds[0] ?? ''),
    };
    const other = familyGraph(irregular, request);
    const windows = other.nodes.flatMap((node) => (node.op === 'attention' ? [node.window] : []));
    expect(windows).toEqual([undefined, undefined, 4, undefined]);
    const { layer_types: _l, ...rest } = irregular;
    expect(configFromGraph(other, rest, head).layer_types).toEqual(irregular.layer_types);
    for (const bad of [
      { layer_types: kinds.slice(1) },
      { layer_types: [...kinds.slice(1), 'chunked_attention'] },
      { rope_parameters: { full_attention: { rope_theta: 160000, rope_type: 'yarn' } } },
      { rope_parameters: { sliding_attention: { rope_theta: 160000, factor: 2 } } },
      { rope_parameters: [] },
    ]) {
      expect(() => familyGraph({ ...config, ...bad }, request)).toThrow(/layer_types|rope_par/);
    }
  });

  it('of DeBERTa may list its terms in one string', () => {
    const listed = graphOf('deberta-v3', {});
    expect(graphOf('deberta-v3', { pos_att_type: 'c2p|p2c' })).toEqual(listed);
    const one = graphOf('deberta-v3', { pos_att_type: 'p2c' });
    const attention = one.nodes.find((node) => node.op === 'attention');
    expect(attention?.disentangled?.keys).toBeNull();
    expect(attention?.scale).toBeCloseTo(1 / Math.sqrt(16), 12);
  });
});
