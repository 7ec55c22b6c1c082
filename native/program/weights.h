// The weights of one program. A group is a list of weights that an operation reads as one; for
// every group the program has a pack of the store. Groups have numbers. Several programs may read
// the same pack.
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
  // `specs` are those of the graph. Weights of `trained` get packs that belong to this program
  // alone.
  Weights(std::shared_ptr<WeightStore> store, std::vector<WeightSpec> specs,
          const Trained& trained);

  // The number of the group that stacks these weights in this order, made on first use. A weight
  // belongs to one group only, so all of its uses stack it alike. `activation_bits` applies to a
  // matrix. Throws Error(INTERNAL) for unknown names and mixed widths or dtypes, because the graph
  // was validated before.
  int group(const std::vector<std::string>& names, PackUse use, int activation_bits = 8);
  // Finds the packs of the groups, and allocates those that are new. Error(INTERNAL) when a weight
  // is in no group.
  void allocate();
  // Makes the packs ready. Error(INTERNAL) when a weight was not written whole.
  void seal(Team& team, const Cancel& cancel);
  // Lets the product of a frozen f32 matrix pass gradients on: it is packed for that too.
  void pass_gradients(int group);

  const WeightSpec& spec(const std::string& name) const;
  int64_t elements(const std::string& name) const { return spec(name).elements(); }
  // The place of a weight: the number of its group, and its first row there.
  int group_of(const std::string& name) const { return place(name).group; }
  int64_t first_row(const std::string& name) const { return place(name).row; }
  // The names of the weights of a group.
  const std::vector<std::string>& names(int group) const {
    return names_[static_cast<size_t>(group)];
  }

  const Pack& at(int group) const { return *packs_[static_cast<size_t>(group)]; }
  Pack& at(int group) { return *packs_[static_cast<size_t>(group)]; }
  int group_count() const { return static_cast<int>(packs_.size()); }
  const std::shared_ptr<WeightStore>& store() const { return store_; }
  // Whether some weight is trained.
  bool trainable() const { return trainable_; }
  // Bytes at the last allocate() or seal(), shared blocks included. Any thread.
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
