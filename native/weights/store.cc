// Finds weights by name, and packs by their weights.
#include "weights/store.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/errors.h"

namespace sinter {
namespace {

std::atomic<uint64_t> last_weight{0};

// Guards Weight::packs_ of all weights, because stores on several threads may share a weight.
std::mutex& packs_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Checks the kept indices of a cut: Error(INTERNAL) unless they increase and are below `count`.
void check_cut(const std::string& name, const std::vector<int32_t>& indices, int64_t count) {
  int64_t last = -1;
  for (int32_t index : indices) {
    if (index <= last || index >= count)
      throw Error(ErrorCode::INTERNAL, "weight " + name + " is cut at " + std::to_string(index) +
                                           " of " + std::to_string(count) + ", out of order");
    last = index;
  }
}

// The shape of the kept rows and columns of a source.
std::vector<int64_t> shape_left(const std::string& name, const WeightSource& source) {
  std::vector<int64_t> shape = source.weight->spec.shape;
  check_cut(name, source.rows, shape[0]);
  if (!source.rows.empty()) shape[0] = static_cast<int64_t>(source.rows.size());
  if (source.columns.empty()) return shape;
  if (shape.size() < 2) throw Error(ErrorCode::INTERNAL, "weight " + name + " has no columns");
  check_cut(name, source.columns, shape[1]);
  shape[1] = static_cast<int64_t>(source.columns.size());
  return shape;
}

// Makes the weight of an entry. It is the source itself where nothing differs and the source is not
// trained.
std::shared_ptr<Weight> weight_of(WeightStore::Entry entry) {
  const WeightSpec& spec = entry.spec;
  WeightSource& source = entry.source;
  if (source.weight == nullptr) return std::make_shared<Weight>(spec);
  const Weight& from = *source.weight;
  const int64_t divisors = static_cast<int64_t>(source.divisor.size());
  if (shape_left(spec.name, source) != spec.shape)
    throw Error(ErrorCode::INTERNAL, "weight " + spec.name + " has another shape than its source");
  if (divisors != 0 && divisors != spec.width())
    throw Error(ErrorCode::INTERNAL, "weight " + spec.name + " needs one divisor per column");
  const bool same = from.spec.storage == spec.storage && divisors == 0 && source.whole();
  if (same && !from.home->trained) return source.weight;
  const auto weight = std::make_shared<Weight>(spec);
  weight->source = std::move(source);
  return weight;
}

}  // namespace

Weight::Weight(WeightSpec of) : id(++last_weight), spec(std::move(of)) {}

std::shared_ptr<Pack> Weight::find_pack(const Pack& wanted) const {
  if (home != nullptr && home->covers(wanted)) return home;
  const std::lock_guard<std::mutex> lock(packs_mutex());
  for (const std::weak_ptr<Pack>& known : packs_) {
    std::shared_ptr<Pack> pack = known.lock();
    if (pack != nullptr && pack->covers(wanted)) return pack;
  }
  return nullptr;
}

void Weight::remember(const std::shared_ptr<Pack>& pack) {
  const std::lock_guard<std::mutex> lock(packs_mutex());
  std::erase_if(packs_, [](const std::weak_ptr<Pack>& known) { return known.expired(); });
  packs_.push_back(pack);
}

WeightStore::WeightStore(std::vector<Entry> entries) {
  for (Entry& entry : entries) {
    const std::string name = entry.spec.name;
    if (!weights_.emplace(name, weight_of(std::move(entry))).second)
      throw Error(ErrorCode::INTERNAL, "weight " + name + " is listed twice");
  }
}

WeightStore::~WeightStore() {
  weights_.clear();
  pending_.clear();
  forget_ended_blocks();
}

const std::shared_ptr<Weight>& WeightStore::at(const std::string& name) const {
  const auto found = weights_.find(name);
  if (found == weights_.end()) throw Error(ErrorCode::INTERNAL, "there is no weight " + name);
  return found->second;
}

const std::shared_ptr<Weight>& WeightStore::ready_at(const std::string& name) const {
  const std::shared_ptr<Weight>& weight = at(name);
  if (!weight->ready()) throw Error(ErrorCode::INTERNAL, "weight " + name + " is not sealed");
  return weight;
}

std::shared_ptr<Pack> WeightStore::resolve(std::shared_ptr<Pack> wanted) {
  for (PackMember& member : wanted->members) {
    const Weight& weight = *at(member.spec.name);
    if (weight.spec.shape != member.spec.shape || weight.spec.storage != member.spec.storage)
      throw Error(ErrorCode::INTERNAL,
                  "weight " + member.spec.name + " has another shape or storage in the store");
    member.weight = weight.id;
  }
  std::shared_ptr<Pack> found = at(wanted->members[0].spec.name)->find_pack(*wanted);
  if (found != nullptr) return found;
  bool home = false;
  for (size_t i = 0; i < wanted->members.size(); ++i) {
    PackMember& member = wanted->members[i];
    std::shared_ptr<Weight>& weight = weights_.at(member.spec.name);
    if (weight->home != nullptr) {
      member.source.weight = weight;
      if (!wanted->trained) continue;
      weight = std::make_shared<Weight>(member.spec);
      member.weight = weight->id;
    } else {
      member.source = std::move(weight->source);
    }
    weight->home = wanted;
    weight->member = i;
    home = true;
  }
  if (home) pending_.push_back(wanted);
  return wanted;
}

Pack& WeightStore::home_of(const std::string& name) {
  Weight& weight = *at(name);
  if (weight.home != nullptr) return *weight.home;
  const auto wanted = std::make_shared<Pack>();
  wanted->add_member(weight.spec);
  const bool vector = weight.spec.storage->allows(PackUse::vector);
  const PackUse use = vector ? PackUse::vector : PackUse::table;
  wanted->check_uses();
  wanted->uses = static_cast<int>(use);
  const std::shared_ptr<Pack> home = resolve(wanted);
  WeightPages pages(home->block_bytes());
  home->allocate(pages);
  return *home;
}

void WeightStore::pack(Team& team, const Cancel& cancel) {
  for (const std::shared_ptr<Pack>& pack : pending_) {
    if (pack->ready || !pack->complete()) continue;
    cancel.check();
    pack->make_ready(team, cancel);
  }
  std::erase_if(pending_, [](const std::shared_ptr<Pack>& pack) { return pack->ready.load(); });
}

void WeightStore::remember(const std::shared_ptr<Pack>& pack) {
  // Only the first weight remembers the pack, because resolve() asks the first weight of a wanted
  // pack.
  const std::shared_ptr<Weight>& first = at(pack->members[0].spec.name);
  for (const PackMember& member : pack->members) {
    const std::shared_ptr<Weight>& weight = at(member.spec.name);
    if (weight->home == pack || weight->home->trained) return;
  }
  first->remember(pack);
}

}  // namespace sinter
