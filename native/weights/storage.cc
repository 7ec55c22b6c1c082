// The list of storages, and the product that most of them use.
#include "weights/storage.h"

#include "weights/pack.h"

namespace sinter {

void Storage::multiply(Lanes& lanes, const Pack& pack, const Product& product) const {
  const auto widen_rows = [&](int64_t begin, int64_t end, float* to) { pack.read(begin, end, to); };
  product_widened(lanes, pack.rows, pack.width, widen_rows, product);
}

std::span<const Storage* const> all_storages() {
  static const Storage* const list[] = {
#define SINTER_STORAGE(name) &storage_##name(),
#include "weights/storages.inc"
#undef SINTER_STORAGE
  };
  return list;
}

const Storage* find_storage(const std::string& name) {
  for (const Storage* storage : all_storages()) {
    if (name == storage->name()) return storage;
  }
  return nullptr;
}

int storage_index(const Storage& storage) {
  int index = 0;
  for (const Storage* other : all_storages()) {
    if (other == &storage) break;
    ++index;
  }
  return index;
}

}  // namespace sinter
