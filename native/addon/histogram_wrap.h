// The Histogram class of the border: counts of activations and of weights. All jobs are bulk jobs,
// so they run in the order of the calls.
#pragma once

#include <napi.h>

#include <memory>

#include "compress/histogram.h"

namespace sinter {

class HistogramWrap : public Napi::ObjectWrap<HistogramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit HistogramWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value add_weight(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  const std::shared_ptr<Histogram>& histogram() const;

  std::shared_ptr<Histogram> histogram_;
};

}  // namespace sinter
