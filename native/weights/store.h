// Stores of named weights, and the packs from which programs read them. A weight lies in one pack,
// its home. A program that needs another stacking or use of a weight gets a further pack, made from
// the home, which lasts as long as the program. Stores may share weights: a store derived from
// another one has the same objects under its own names, or weights that are computed from them
// (quantized, widened, divided) when the first program needs them. So no number passes through
// JavaScript on its way from one model to another.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "weights/pack.h"

namespace sinter {

class Weight {
 public:
  explicit Weight(WeightSpec spec);

  const uint64_t id;  // unique in this process, never reused
  const WeightSpec spec;
  // The pack that holds the weight, and its index there; null until a program asks for the weight.
  std::shared_ptr<Pack> home;
  size_t member = 0;
  WeightSource source;  // until it has a home

  bool ready() const { return home != nullptr && home->ready.load(std::memory_order_acquire); }
  int64_t first_row() const { return home->members[member].row; }
  // A pack of exactly these members that covers `wanted`, or null.
  std::shared_ptr<Pack> find_pack(const Pack& wanted) const;
  void remember(const std::shared_ptr<Pack>& pack);

 private:
  std::vector<std::weak_ptr<Pack>> packs_;  // other than home; guarded by packs_mutex()
};

class WeightStore {
 public:
  // A weight of a new store: its spec, and the ready weight that it is made from. Where nothing
  // differs the store takes that weight itself; without one the weight is written.
  struct Entry {
    WeightSpec spec;
    WeightSource source;
  };
  // Throws Error(INTERNAL) for a name that occurs twice and for a shape that differs from the
  // source's.
  explicit WeightStore(std::vector<Entry> entries);
  ~WeightStore();
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;

  // The weight called `name`; Error(INTERNAL) without one.
  const std::shared_ptr<Weight>& at(const std::string& name) const;
  // A weight that others may be derived from: as at(), and Error(INTERNAL) until it is ready.
  const std::shared_ptr<Weight>& ready_at(const std::string& name) const;

  // Finds the pack for `wanted`, whose members name weights of this store. Returns an existing
  // pack, or `wanted` itself, which then needs memory and make_ready. A trained pack gets copies of
  // its weights, which replace them in this store.
  std::shared_ptr<Pack> resolve(std::shared_ptr<Pack> wanted);

  // The pack to write a weight into: its home, or a pack of its own when no program has asked for
  // it.
  Pack& home_of(const std::string& name);
  // Makes all packs ready that are written whole, so that a store can be filled while only few
  // weights are held in two forms.
  void pack(Team& team, const Cancel& cancel);
  // Whether some weight has a home that is not ready.
  bool filling() const { return !pending_.empty(); }
  // Lets later programs find this ready pack while some program holds it.
  void remember(const std::shared_ptr<Pack>& pack);

  // Whether a WriteScope is alive: then another thread changes weights and they must not be read
  // here.
  bool being_written() const { return writers_.load(std::memory_order_acquire) > 0; }

 private:
  friend class WriteScope;

  std::unordered_map<std::string, std::shared_ptr<Weight>> weights_;
  std::vector<std::shared_ptr<Pack>> pending_;  // homes that are not ready
  std::atomic<int> writers_{0};
};

// Marks the store as being written. A job that changes weights holds it from its submission until
// its submitter knows that it has ended.
class WriteScope {
 public:
  explicit WriteScope(std::shared_ptr<WeightStore> store) : store_(std::move(store)) {
    store_->writers_.fetch_add(1, std::memory_order_relaxed);
  }
  ~WriteScope() { store_->writers_.fetch_sub(1, std::memory_order_release); }
  WriteScope(const WriteScope&) = delete;
  WriteScope& operator=(const WriteScope&) = delete;

 private:
  std::shared_ptr<WeightStore> store_;
};

}  // namespace sinter
