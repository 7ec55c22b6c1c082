// The files are known by numbers of their own: the number of a file that was closed meanwhile may
// be another file's.
#include "addon/file_reading.h"

#include <map>
#include <string>
#include <utility>

#include "addon/guard.h"

namespace sinter {
namespace {

class FileReading : public Napi::AsyncWorker {
 public:
  FileReading(Napi::Env env, std::shared_ptr<WeightStore> store, std::shared_ptr<bool> packing,
              std::vector<FilePart> parts)
      : Napi::AsyncWorker(env, "sinter.readFiles"),
        deferred_(Napi::Promise::Deferred::New(env)),
        store_(std::move(store)),
        packing_(std::move(packing)),
        parts_(std::move(parts)) {
    for (FilePart& part : parts_) {
      auto [at, is_new] = files_.try_emplace(part.file, -1);
      if (is_new) at->second = duplicate_file(part.file);
      part.file = at->second;
    }
    *packing_ = true;
  }

  ~FileReading() override {
    for (const auto& [_, file] : files_)
      if (file >= 0) close_file(file);
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      std::vector<uint8_t> buffer;
      for (size_t i = 0; i < parts_.size() && missing_ < 0; ++i)
        if (parts_[i].file < 0 || !write_from_file(*store_, parts_[i], buffer))
          missing_ = static_cast<double>(i);
    } catch (...) {
      failure_ = describe_exception(std::current_exception());
    }
  }

  void OnOK() override {
    *packing_ = false;
    const auto& [code, message] = failure_;
    if (code.empty())
      deferred_.Resolve(Napi::Number::New(Env(), missing_));
    else
      deferred_.Reject(make_js_error(Env(), code, message).Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<WeightStore> store_;
  std::shared_ptr<bool> packing_;
  std::vector<FilePart> parts_;
  std::map<int, int> files_;  // numbers of the caller -> our own
  double missing_ = -1;
  std::pair<std::string, std::string> failure_;  // code and message
};

}  // namespace

Napi::Value submit_file_reading(Napi::Env env, std::shared_ptr<WeightStore> store,
                                std::shared_ptr<bool> packing, std::vector<FilePart> parts) {
  // It deletes itself when it has ended.
  auto* reading = new FileReading(env, std::move(store), std::move(packing), std::move(parts));
  const Napi::Promise promise = reading->promise();
  reading->Queue();
  return promise;
}

}  // namespace sinter
