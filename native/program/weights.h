// The weights of one program: for every group that an operation reads as one, the pack of the store
// that holds it. Groups have numbers; several programs may read the same pack.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernels/kernel_set.h"
#include "weights/store.h"

namespace sinter {

// The names of the weights that an optimizer changes.
struct Trained {
  bool all = false;
  std::unordered_set<std::string> names;

  bool has(const std::string& name) const { return all || names.count(name) > 0; }
};

class Weights {
 public:
  // `specs`: of the graph. Those of `trained` lie in packs of the program's own.
  Weights(std::shared_ptr<WeightStore> store, std::vector<WeightSpec> specs,
          const Trained& trained);

  // The group made of these weights, stacked in this order. Made on first use; a weight belongs to
  // one group only, so all of its uses stack it alike. `activation_bits` counts for a matrix.
  // Throws Error(INTERNAL) for unknown names, mixed widths or dtypes: the graph was validated
  // before it came here.
  int group(const std::vector<std::string>& names, PackUse use, int activation_bits = 8);
  // Every weight is in a group, or Error(INTERNAL); finds the groups' packs, and takes memory for
  // those that are new.
  void allocate();
  // Makes the packs ready: Error(INTERNAL) when something was not written whole.
  void seal(Team& team, const Cancel& cancel);
  // An f32 matrix that is not trained itself passes gradients on: it is packed for that too.
  void pass_gradients(int group);

  const WeightSpec& spec(const std::string& name) const;
  int64_t elements(const std::string& name) const { return spec(name).elements(); }
  // Where a weight lies in its group: the group's index and the first row.
  int group_of(const std::string& name) const { return place(name).group; }
  int64_t first_row(const std::string& name) const { return place(name).row; }
  // The names of the members of a group.
  const std::vector<std::string>& names(int group) const {
    return names_[static_cast<size_t>(group)];
  }

  const Pack& at(int group) const { return *packs_[static_cast<size_t>(group)]; }
  Pack& at(int group) { return *packs_[static_cast<size_t>(group)]; }
  int group_count() const { return static_cast<int>(packs_.size()); }
  const std::shared_ptr<WeightStore>& store() const { return store_; }
  // Some weight is trained.
  bool trainable() const { return trainable_; }
  // As of allocate() or seal(), shared blocks included; any thread may ask.
  int64_t resident_bytes() const { return resident_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Place {
    size_t spec = 0;
    int group = -1;
    int64_t row = 0;
    bool trained = false;
  };
  const Place& place(const std::string& name) const;
  Place& place(const std::string& name);
  int stack(const std::vector<std::string>& names);
  void count_bytes();

  std::shared_ptr<WeightStore> store_;
  std::vector<WeightSpec> specs_;
  std::unordered_map<std::string, Place> places_;
  std::vector<std::shared_ptr<Pack>> packs_;
  std::vector<std::vector<std::string>> names_;
  bool trainable_ = false;
  std::atomic<int64_t> resident_bytes_{0};
};

}  // namespace sinter
