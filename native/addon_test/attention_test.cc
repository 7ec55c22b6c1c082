// attention of the test addon: rows(), forward(row, args), backward(row, args), bench(row, shape,
// seconds). args: { length, headDim, qkvRow, outRow, scale, q, k, v, o | dOut, dq, dk, dv,
// dropout?: { keyLow, keyHigh, indexLow, indexHigh, threshold, keepScale } }. The scratch is
// surrounded by guards that are checked after a call.
#include "kernels/attention/attention.h"

#include <napi.h>

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
  shape.qkv_row = int_of(o, "qkvRow", shape.head_dim);
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

// Floats from the first to the last that [length, head_dim] with a row stride spans.
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

Napi::Value forward(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const AttentionShape shape = shape_of(o);
  const int64_t in = span(shape, shape.qkv_row), out = span(shape, shape.out_row);
  Scratch scratch(kernels.forward_scratch(shape.length, shape.head_dim));
  kernels.forward(shape, dropout_of(o), array_of<const float>(o, "q", in),
                  array_of<const float>(o, "k", in), array_of<const float>(o, "v", in),
                  array_of<float>(o, "o", out), scratch.data());
  scratch.check(info.Env());
  return info.Env().Undefined();
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const AttentionShape shape = shape_of(o);
  const int64_t in = span(shape, shape.qkv_row), out = span(shape, shape.out_row);
  Scratch scratch(kernels.backward_scratch(shape.length, shape.head_dim));
  kernels.backward(shape, dropout_of(o), array_of<const float>(o, "q", in),
                   array_of<const float>(o, "k", in), array_of<const float>(o, "v", in),
                   array_of<const float>(o, "dOut", out), array_of<float>(o, "dq", in),
                   array_of<float>(o, "dk", in), array_of<float>(o, "dv", in), scratch.data());
  scratch.check(info.Env());
  return info.Env().Undefined();
}

// shape: { length, headDim, heads, backward? }: all heads of one sequence, q, k and v side by side
// in each token.
Napi::Value bench(const Napi::CallbackInfo& info) {
  const AttentionKernels& kernels = row_named(attention_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t heads = int_of(o, "heads", 12);
  AttentionShape shape = shape_of(o);
  const int64_t width = heads * shape.head_dim, floats = shape.length * width;
  shape.qkv_row = 3 * width;
  shape.out_row = width;
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const bool backward = flag_of(o, "backward");
  AlignedBuffer<float> qkv(3 * floats), dqkv(3 * floats), out(floats);
  for (int64_t i = 0; i < 3 * floats; ++i)
    qkv[i] = static_cast<float>(i * 7919 % 257 - 128) / 64.0f;
  for (int64_t i = 0; i < floats; ++i) out[i] = static_cast<float>(i * 104729 % 255 - 127) / 64.0f;
  Scratch scratch(backward ? kernels.backward_scratch(shape.length, shape.head_dim)
                           : kernels.forward_scratch(shape.length, shape.head_dim));
  const AttentionDropout none = {0, 0, 0, 1.0f};
  const double products = backward ? 5.0 : 2.0;
  const double flops = products * 2.0 * static_cast<double>(shape.length * floats);
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), flops,
                    16.0 * static_cast<double>(floats), [&] {
                      for (int64_t h = 0; h < heads; ++h) {
                        const float* q = qkv.data() + h * shape.head_dim;
                        float* dq = dqkv.data() + h * shape.head_dim;
                        float* head_out = out.data() + h * shape.head_dim;
                        if (backward) {
                          kernels.backward(shape, none, q, q + width, q + 2 * width, head_out, dq,
                                           dq + width, dq + 2 * width, scratch.data());
                        } else {
                          kernels.forward(shape, none, q, q + width, q + 2 * width, head_out,
                                          scratch.data());
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
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("attention", family);
}

}  // namespace sinter
