// attention of the test addon: rows(), forward(row, args), backward(row, args),
// rotate(row, args), bench(row, shape, seconds). args: { length, headDim, qkvRow, outRow, scale, q,
// k, v, o | dOut, dq, dk, dv, dropout?: { keyLow, keyHigh, indexLow, indexHigh, threshold,
// keepScale }, terms?: { window, center, bias?, keys?, queries?, dBias?, dKeys?, dQueries? } };
// with terms the relative kernels run. Guards behind the scratch are checked after each call.
#include "kernels/attention/attention.h"

#include <napi.h>

#include <algorithm>
#include <cmath>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

constexpr float kGuard = 12345.5f;
constexpr int64_t kGuards = 32;

Napi::Value rows(const Napi::CallbackInfo& info) {
  return rows_value(info.Env(), attention_rows());
}

AttentionShape shape_of(const Napi::Object& o) {
  AttentionShape shape = {};
  shape.length = int_of(o, "length");
  shape.head_dim = int_of(o, "headDim");
  shape.qk_row = int_of(o, "qkvRow", shape.head_dim);
  shape.v_row = shape.qk_row;
  shape.out_row = int_of(o, "outRow", shape.head_dim);
  shape.scale = static_cast<float>(number_of(o, "scale", 1.0));
  return shape;
}

uint64_t halves(const Napi::Object& o, const char* low, const char* high) {
  return static_cast<uint64_t>(int_of(o, high, 0)) << 32 | static_cast<uint64_t>(int_of(o, low, 0));
}

AttentionDropout dropout_of(const Napi::Object& o) {
  if (!has(o, "dropout")) return {0, 0, 0, 1.0f};
  const Napi::Object d = o.Get("dropout").As<Napi::Object>();
  return {halves(d, "keyLow", "keyHigh"), halves(d, "indexLow", "indexHigh"),
          static_cast<uint32_t>(int_of(d, "threshold")),
          static_cast<float>(number_of(d, "keepScale", 1.0))};
}

// Floats from the first to the last element of [length, head_dim] with a row stride.
int64_t span(const AttentionShape& shape, int64_t row) {
  return (shape.length - 1) * row + shape.head_dim;
}

class Scratch {
 public:
  explicit Scratch(size_t floats)
      : floats_(static_cast<int64_t>(floats)), buffer_(floats_ + kGuards) {
    for (int64_t i = 0; i < kGuards; ++i) buffer_[floats_ + i] = kGuard;
  }
  float* data() { return buffer_.data(); }
  void check(Napi::Env env) {
    for (int64_t i = 0; i < kGuards; ++i) {
      if (buffer_[floats_ + i] != kGuard) throw Napi::Error::New(env, "wrote behind the scratch");
    }
  }

 private:
  int64_t floats_;
  AlignedBuffer<float> buffer_;
};

// The terms of the distance of a call, with the panels of their tables.
class Terms {
 public:
  Terms(const AttentionKernels& kernels, const Napi::Object& o, int64_t head_dim)
      : head_dim_(head_dim) {
    terms.window = int_of(o, "window", int64_t{1} << 28);
    terms.center = int_of(o, "center");
    const int64_t count = 2 * terms.center + 1;
    terms.bias = optional_array_of<const float>(o, "bias", count);
    terms.key_rows = optional_array_of<const float>(o, "keys", count * head_dim);
    terms.query_rows = optional_array_of<const float>(o, "queries", count * head_dim);
    gradients.d_bias = optional_array_of<float>(o, "dBias", count);
    gradients.d_keys = optional_array_of<float>(o, "dKeys", count * head_dim);
    gradients.d_queries = optional_array_of<float>(o, "dQueries", count * head_dim);
    terms.key_panels = panels(kernels, terms.key_rows, keys_);
    terms.query_panels = panels(kernels, terms.query_rows, queries_);
  }

  RelativeExtent extent(int64_t length) const {
    return {length, head_dim_, terms.window, terms.key_rows != nullptr,
            terms.query_rows != nullptr};
  }

  RelativeTerms terms = {};
  RelativeGradients gradients = {};

 private:
  const float* panels(const AttentionKernels& kernels, const float* rows,
                      std::unique_ptr<AlignedBuffer<float>>& to) const {
    if (rows == nullptr) return nullptr;
    const int64_t count = 2 * terms.center + 1;
    to = std::make_unique<AlignedBuffer<float>>((count + 15) / 16 * 16 * head_dim_);
    kernels.panels(count, head_dim_, rows, head_dim_, to->data());
    return to->data();
  }

  int64_t head_dim_;
  std::unique_ptr<AlignedBuffer<float>> keys_, queries_;
};

Napi::Value forward(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const AttentionShape shape = shape_of(o);
  const int64_t in = span(shape, shape.qk_row), out = span(shape, shape.out_row);
  const float* q = array_of<const float>(o, "q", in);
  const float* k = array_of<const float>(o, "k", in);
  const float* v = array_of<const float>(o, "v", in);
  float* to = array_of<float>(o, "o", out);
  if (!has(o, "terms")) {
    Scratch scratch(kernels.forward_scratch(shape.length, shape.head_dim));
    kernels.forward(shape, dropout_of(o), q, k, v, to, scratch.data());
    scratch.check(info.Env());
    return info.Env().Undefined();
  }
  const Terms t(kernels, o.Get("terms").As<Napi::Object>(), shape.head_dim);
  Scratch scratch(kernels.relative_forward_scratch(t.extent(shape.length)));
  kernels.relative_forward(shape, t.terms, dropout_of(o), q, k, v, to, scratch.data());
  scratch.check(info.Env());
  return info.Env().Undefined();
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const AttentionShape shape = shape_of(o);
  const int64_t in = span(shape, shape.qk_row), out = span(shape, shape.out_row);
  const float* q = array_of<const float>(o, "q", in);
  const float* k = array_of<const float>(o, "k", in);
  const float* v = array_of<const float>(o, "v", in);
  const float* d_o = array_of<const float>(o, "dOut", out);
  float* dq = array_of<float>(o, "dq", in);
  float* dk = array_of<float>(o, "dk", in);
  float* dv = array_of<float>(o, "dv", in);
  if (!has(o, "terms")) {
    Scratch scratch(kernels.backward_scratch(shape.length, shape.head_dim));
    kernels.backward(shape, dropout_of(o), q, k, v, d_o, dq, dk, dv, scratch.data());
    scratch.check(info.Env());
    return info.Env().Undefined();
  }
  const Terms t(kernels, o.Get("terms").As<Napi::Object>(), shape.head_dim);
  Scratch scratch(kernels.relative_backward_scratch(t.extent(shape.length)));
  kernels.relative_backward(shape, t.terms, dropout_of(o), q, k, v, d_o, dq, dk, dv, t.gradients,
                            scratch.data());
  scratch.check(info.Env());
  return info.Env().Undefined();
}

// args: { length, headDim, half, cos, sin, backward?, x, xRow, y, yRow }
Napi::Value rotate(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  Rotation rotation = {};
  rotation.length = int_of(o, "length");
  rotation.head_dim = int_of(o, "headDim");
  rotation.half = int_of(o, "half");
  rotation.cos = array_of<const float>(o, "cos", rotation.length * rotation.half);
  rotation.sin = array_of<const float>(o, "sin", rotation.length * rotation.half);
  rotation.backward = flag_of(o, "backward");
  const int64_t x_row = int_of(o, "xRow"), y_row = int_of(o, "yRow");
  const int64_t last = rotation.length - 1;
  kernels.rotate(rotation, array_of<const float>(o, "x", last * x_row + rotation.head_dim), x_row,
                 array_of<float>(o, "y", last * y_row + rotation.head_dim), y_row);
  return info.Env().Undefined();
}

// The terms of a bench, with panels and gradients; empty when the shape names none.
struct BenchTerms {
  explicit BenchTerms(const AttentionKernels& kernels, const Napi::Object& o, int64_t length,
                      int64_t head_dim)
      : on(has(o, "window") || flag_of(o, "bias") || flag_of(o, "tables")),
        count(2 * length - 1),
        bias(count),
        rows(count * head_dim),
        panels((count + 15) / 16 * 16 * head_dim),
        d_bias(count),
        d_rows(count * head_dim) {
    for (int64_t i = 0; i < count * head_dim; ++i)
      rows[i] = static_cast<float>(i * 7919 % 251 - 125) / 64.0f;
    kernels.panels(count, head_dim, rows.data(), head_dim, panels.data());
    terms.window = int_of(o, "window", int64_t{1} << 28);
    terms.center = length - 1;
    if (flag_of(o, "bias")) {
      terms.bias = bias.data();
      gradients.d_bias = d_bias.data();
    }
    if (!flag_of(o, "tables")) return;
    terms.key_panels = terms.query_panels = panels.data();
    terms.key_rows = terms.query_rows = rows.data();
    gradients.d_keys = gradients.d_queries = d_rows.data();
  }

  bool on;
  int64_t count;
  AlignedBuffer<float> bias, rows, panels, d_bias, d_rows;
  RelativeTerms terms = {};
  RelativeGradients gradients = {};
};

// shape: { length, headDim, heads, backward?, window?, bias?, tables? }. Times all heads of one
// sequence, with q, k and v side by side in each token. Operations are those of the matrix
// products.
Napi::Value bench(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t heads = int_of(o, "heads", 12);
  AttentionShape shape = shape_of(o);
  const int64_t width = heads * shape.head_dim, floats = shape.length * width;
  shape.qk_row = 3 * width;
  shape.v_row = 3 * width;
  shape.out_row = width;
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const bool backward = flag_of(o, "backward"), tables = flag_of(o, "tables");
  BenchTerms t(kernels, o, shape.length, shape.head_dim);
  AlignedBuffer<float> qkv(3 * floats), dqkv(3 * floats), out(floats);
  for (int64_t i = 0; i < 3 * floats; ++i)
    qkv[i] = static_cast<float>(i * 7919 % 257 - 128) / 64.0f;
  for (int64_t i = 0; i < floats; ++i) out[i] = static_cast<float>(i * 104729 % 255 - 127) / 64.0f;
  const RelativeExtent extent = {shape.length, shape.head_dim, t.terms.window, tables, tables};
  const size_t plain = backward ? kernels.backward_scratch(shape.length, shape.head_dim)
                                : kernels.forward_scratch(shape.length, shape.head_dim);
  const size_t relative = backward ? kernels.relative_backward_scratch(extent)
                                   : kernels.relative_forward_scratch(extent);
  Scratch scratch(t.on ? relative : plain);
  const AttentionDropout none = {0, 0, 0, 1.0f};
  int64_t keys = 0;  // keys that a query sees, summed over the queries
  for (int64_t i = 0; i < shape.length; ++i) {
    keys += std::min(shape.length - 1, i + t.terms.window) -
            std::max<int64_t>(0, i - t.terms.window) + 1;
  }
  const double products = (backward ? 5.0 : 2.0) + (tables ? (backward ? 6.0 : 2.0) : 0.0);
  const double flops = products * 2.0 * static_cast<double>(keys * width);
  return time_calls(
      info.Env(), info[2].As<Napi::Number>().DoubleValue(), flops,
      16.0 * static_cast<double>(floats), [&] {
        for (int64_t h = 0; h < heads; ++h) {
          const float* q = qkv.data() + h * shape.head_dim;
          float* dq = dqkv.data() + h * shape.head_dim;
          float* o_head = out.data() + h * shape.head_dim;
          if (backward && t.on) {
            kernels.relative_backward(shape, t.terms, none, q, q + width, q + 2 * width, o_head, dq,
                                      dq + width, dq + 2 * width, t.gradients, scratch.data());
          } else if (backward) {
            kernels.backward(shape, none, q, q + width, q + 2 * width, o_head, dq, dq + width,
                             dq + 2 * width, scratch.data());
          } else if (t.on) {
            kernels.relative_forward(shape, t.terms, none, q, q + width, q + 2 * width, o_head,
                                     scratch.data());
          } else {
            kernels.forward(shape, none, q, q + width, q + 2 * width, o_head, scratch.data());
          }
        }
      });
}

}  // namespace

void export_attention_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("backward", Napi::Function::New(env, backward));
  family.Set("rotate", Napi::Function::New(env, rotate));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("attention", family);
}

}  // namespace sinter
