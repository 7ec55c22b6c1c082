// Named weights, and the packs that programs read them from. A weight lies in one pack, its home;
// further packs with another stacking or use are made from it when a program asks for them, and
// last as long as that program. Stores may have weights in common: one that is derived from another
// has the same objects under its own names, or weights that are computed from them (quantized,
// widened, divided) when the first program needs them. So no number travels through JavaScript to
// get from one model to another.
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

  const uint64_t id;  // of this process, never used twice
  const WeightSpec spec;
  // The pack that holds it, and which member it is; null before a program asked for it.
  std::shared_ptr<Pack> home;
  size_t member = 0;
  WeightSource source;  // until it has a home

  bool ready() const { return home != nullptr && home->ready.load(std::memory_order_acquire); }
  int64_t first_row() const { return home->members[member].row; }
  // A pack of exactly these members that covers `wanted`; null: there is none.
  std::shared_ptr<Pack> find_pack(const Pack& wanted) const;
  void remember(const std::shared_ptr<Pack>& pack);

 private:
  std::vector<std::weak_ptr<Pack>> packs_;  // besides home, under a mutex of the file
};

class WeightStore {
 public:
  // A weight of a new store: what it is, and the ready weight that it is made from, or that it is
  // where nothing differs; without one it is written.
  struct Entry {
    WeightSpec spec;
    WeightSource source;
  };
  // Error(INTERNAL) for a name that is there twice and for shapes that differ from the source's.
  explicit WeightStore(std::vector<Entry> entries);
  ~WeightStore();
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;

  // Error(INTERNAL): there is no such weight.
  const std::shared_ptr<Weight>& at(const std::string& name) const;
  // The weight that others may be derived from: Error(INTERNAL) before it is ready.
  const std::shared_ptr<Weight>& ready_at(const std::string& name) const;

  // The pack for `wanted`, whose members are weights of this store by name: one that is there, or
  // `wanted` itself, which then needs memory and waits for make_ready. A trained pack gets copies
  // of its weights, which replace them here.
  std::shared_ptr<Pack> resolve(std::shared_ptr<Pack> wanted);

  // The home of a weight that is written; one of its own when no program has asked for the weight
  // yet.
  Pack& home_of(const std::string& name);
  // Makes those packs ready that are written whole. So a store can be filled without ever holding
  // much in two forms.
  void pack(Team& team, const Cancel& cancel);
  // Some weight has a home that is not ready.
  bool filling() const { return !pending_.empty(); }
  // Later programs find this ready pack, as long as somebody has it.
  void remember(const std::shared_ptr<Pack>& pack);

  // A WriteScope is alive: weights change on another thread and must not be read here.
  bool being_written() const { return writers_.load(std::memory_order_acquire) > 0; }

 private:
  friend class WriteScope;

  std::unordered_map<std::string, std::shared_ptr<Weight>> weights_;
  std::vector<std::shared_ptr<Pack>> pending_;  // homes that are not ready
  std::atomic<int> writers_{0};
};

// Held by a job that changes the weights, from its submission until its end is known to whoever
// submitted it.
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
