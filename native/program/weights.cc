// Finds groups by the names of their weights, and packs for the groups.
#include "program/weights.h"

#include <utility>

#include "base/errors.h"

namespace sinter {
namespace {

[[noreturn]] void throw_stacked_twice(const std::string& name) {
  throw Error(
      ErrorCode::INTERNAL,
      "weight " + name +
          " is stacked with some weights in one node and alone, or with others, in another");
}

}  // namespace

Weights::Weights(std::shared_ptr<WeightStore> store, std::vector<WeightSpec> specs,
                 const Trained& trained)
    : store_(std::move(store)), specs_(std::move(specs)) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    Place place;
    place.spec = i;
    place.trained = trained.has(specs_[i].name);
    trainable_ = trainable_ || place.trained;
    if (!places_.emplace(specs_[i].name, place).second)
      throw Error(ErrorCode::INTERNAL, "weight " + specs_[i].name + " is listed twice");
  }
  for (const std::string& name : trained.names) place(name);  // there is no other
}

const Weights::Place& Weights::place(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) throw Error(ErrorCode::INTERNAL, "there is no weight " + name);
  return found->second;
}

Weights::Place& Weights::place(const std::string& name) {
  return const_cast<Place&>(std::as_const(*this).place(name));
}

const WeightSpec& Weights::spec(const std::string& name) const { return specs_[place(name).spec]; }

int Weights::group(const std::vector<std::string>& names, PackUse use, int activation_bits) {
  if (names.empty()) throw Error(ErrorCode::INTERNAL, "a group of weights needs a name");
  const int known = place(names[0]).group;
  const int index = known >= 0 ? known : stack(names);
  if (names_[static_cast<size_t>(index)] != names) throw_stacked_twice(names[0]);
  Pack& pack = at(index);
  if (use == PackUse::matrix) {
    if (pack.matrix() && pack.activation_bits != activation_bits) {
      throw Error(ErrorCode::INTERNAL,
                  "weight " + names[0] + " is used with activation codes of 7 and of 8 bits");
    }
    pack.activation_bits = activation_bits;
  }
  pack.uses |= static_cast<int>(use);
  return index;
}

int Weights::stack(const std::vector<std::string>& names) {
  const auto wanted = std::make_shared<Pack>();
  wanted->trained = place(names.front()).trained;
  const int index = group_count();
  for (const std::string& name : names) {
    Place& p = place(name);
    if (p.group >= 0) throw_stacked_twice(name);
    if (p.trained != wanted->trained)
      throw Error(ErrorCode::INTERNAL, "weight " + name + " is stacked with " + names.front() +
                                           ": either both are trained or none");
    p.group = index;
    p.row = wanted->rows;
    wanted->add_member(specs_[p.spec]);
  }
  packs_.push_back(wanted);
  names_.push_back(names);
  return index;
}

void Weights::allocate() {
  for (const WeightSpec& s : specs_) {
    if (place(s.name).group < 0)
      throw Error(ErrorCode::INTERNAL, "weight " + s.name + " is not used");
  }
  int64_t total = 0;
  for (std::shared_ptr<Pack>& pack : packs_) {
    pack->check_uses();
    pack = store_->resolve(pack);
    if (!pack->allocated()) total += pack->block_bytes();
  }
  WeightPages pages(total);
  for (const std::shared_ptr<Pack>& pack : packs_) {
    if (!pack->allocated()) pack->allocate(pages);
  }
  count_bytes();
}

void Weights::seal(Team& team, const Cancel& cancel) {
  for (const std::shared_ptr<Pack>& pack : packs_) {
    if (pack->ready || pack->complete()) continue;
    for (const PackMember& member : pack->members) {
      if (member.source.weight == nullptr && !member.whole())
        throw Error(ErrorCode::INTERNAL, "weight " + member.spec.name + " was not written whole");
    }
  }
  // First the homes in the store, which other packs are made from.
  store_->pack(team, cancel);
  for (const std::shared_ptr<Pack>& pack : packs_) {
    if (pack->ready) continue;
    cancel.check();
    pack->make_ready(team, cancel);
    store_->remember(pack);
  }
  count_bytes();
}

void Weights::pass_gradients(int group) {
  Pack& pack = at(group);
  if (!pack.storage->trainable()) {
    throw Error(ErrorCode::INTERNAL, "weights held in " + std::string(pack.storage->name()) +
                                         " pass no gradients on: " + names(group)[0]);
  }
  pack.uses |= static_cast<int>(PackUse::backward);
}

void Weights::count_bytes() {
  int64_t bytes = 0;
  for (const std::shared_ptr<Pack>& pack : packs_) bytes += pack->bytes();
  resident_bytes_ = bytes;
}

}  // namespace sinter
