// Unpacking of typed arrays. Every length is checked here; what works on them trusts it.
#include "addon/arrays_arg.h"

#include <cstdint>
#include <string>

#include "addon/args.h"
#include "addon/guard.h"
#include "base/gather.h"
#include "base/json_numbers.h"
#include "reference/product.h"

namespace sinter {
namespace {

struct Sizes {
  int64_t rows, depth, columns;
};

// A dimension: a whole number up to 2^31, so that a product of two fits int64.
int64_t size_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  const double value = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : -1;
  const bool fits =
      value >= 0 && value <= 0x1p31 && value == static_cast<double>(static_cast<int64_t>(value));
  if (!fits) bad_argument(std::string(what) + " must be a size");
  return static_cast<int64_t>(value);
}

Napi::TypedArray array_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (!info[index].IsTypedArray()) bad_argument(std::string(what) + " must be a typed array");
  return info[index].As<Napi::TypedArray>();
}

template <typename T>
T* elements(const Napi::TypedArray& array, int64_t length, const char* what) {
  if (static_cast<int64_t>(array.ElementLength()) != length)
    bad_argument(std::string(what) + " has another length");
  return reinterpret_cast<T*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) +
                              array.ByteOffset());
}

const double* doubles(const Napi::TypedArray& array, int64_t length, const char* what) {
  if (array.TypedArrayType() != napi_float64_array)
    bad_argument(std::string(what) + " must hold doubles");
  return elements<const double>(array, length, what);
}

template <typename B>
void multiply(const double* a, const Napi::TypedArray& b, const double* zero, int64_t zeros,
              const Sizes& sizes, const Napi::TypedArray& out) {
  const auto [rows, depth, columns] = sizes;
  const B* factors = elements<const B>(b, depth * columns, "b");
  if (out.TypedArrayType() == napi_float32_array) {
    reference_product(a, factors, zero, zeros, rows, depth, columns,
                      elements<float>(out, rows * columns, "out"));
  } else if (out.TypedArrayType() == napi_float64_array) {
    reference_product(a, factors, zero, zeros, rows, depth, columns,
                      elements<double>(out, rows * columns, "out"));
  } else {
    bad_argument("out must hold floats or doubles");
  }
}

// Where the elements of a matrix lie in an array: at + r * row_step + c * column_step.
struct Layout {
  int64_t at, rows, columns, row_step, column_step;
};

template <typename T>
void gather(const Napi::TypedArray& from, const Layout& layout, const Napi::TypedArray& to) {
  const auto [at, rows, columns, row_step, column_step] = layout;
  T* target = elements<T>(to, rows * columns, "to");
  if (rows == 0 || columns == 0) return;
  // Sizes are at most 2^31, so a product of two fits, and so does the sum of two such.
  const int64_t last = at + (rows - 1) * row_step + (columns - 1) * column_step;
  const int64_t length = static_cast<int64_t>(from.ElementLength());
  if (last >= length) bad_argument("from ends before the last element");
  gather_rows(elements<const T>(from, length, "from") + at, rows, columns, row_step, column_step,
              target);
}

}  // namespace

Napi::Value reference_product_value(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::TypedArray a = array_arg(info, 0, "a"), b = array_arg(info, 1, "b");
    const Sizes sizes{size_arg(info, 3, "rows"), size_arg(info, 4, "depth"),
                      size_arg(info, 5, "columns")};
    const double* left = doubles(a, sizes.rows * sizes.depth, "a");
    const double* zero = nullptr;
    int64_t zeros = 0;
    if (!info[2].IsNull()) {
      const Napi::TypedArray given = array_arg(info, 2, "zero");
      zeros = static_cast<int64_t>(given.ElementLength());
      if (zeros != 1 && zeros != sizes.columns)
        bad_argument("zero must have one entry, or one for each column");
      zero = doubles(given, zeros, "zero");
    }
    const Napi::TypedArray out = array_arg(info, 6, "out");
    switch (b.TypedArrayType()) {
      case napi_int8_array:
        multiply<int8_t>(left, b, zero, zeros, sizes, out);
        break;
      case napi_uint8_array:
        multiply<uint8_t>(left, b, zero, zeros, sizes, out);
        break;
      case napi_int32_array:
        multiply<int32_t>(left, b, zero, zeros, sizes, out);
        break;
      case napi_float32_array:
        multiply<float>(left, b, zero, zeros, sizes, out);
        break;
      case napi_float64_array:
        multiply<double>(left, b, zero, zeros, sizes, out);
        break;
      default:
        bad_argument("b holds numbers of a type that has no product");
    }
    return info.Env().Undefined();
  });
}

Napi::Value gather_rows_value(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::TypedArray from = array_arg(info, 0, "from"), to = array_arg(info, 6, "to");
    const Layout layout{size_arg(info, 1, "at"), size_arg(info, 2, "rows"),
                        size_arg(info, 3, "columns"), size_arg(info, 4, "rowStep"),
                        size_arg(info, 5, "columnStep")};
    if (from.ElementSize() != to.ElementSize()) bad_argument("to has elements of another size");
    switch (from.ElementSize()) {
      case 1:
        gather<uint8_t>(from, layout, to);
        break;
      case 2:
        gather<uint16_t>(from, layout, to);
        break;
      case 4:
        gather<uint32_t>(from, layout, to);
        break;
      default:
        bad_argument("elements have 1, 2 or 4 bytes");
    }
    return info.Env().Undefined();
  });
}

Napi::Value write_float32_json_value(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::TypedArray values = array_arg(info, 0, "values"), to = array_arg(info, 1, "to");
    if (values.TypedArrayType() != napi_float32_array) bad_argument("values must hold floats");
    if (to.TypedArrayType() != napi_uint8_array) bad_argument("to must hold bytes");
    const size_t count = values.ElementLength();
    const int64_t at = size_arg(info, 2, "at");
    const auto room = static_cast<int64_t>(to.ElementLength()) - at;
    if (room < static_cast<int64_t>(count * kJsonNumberChars + 2))
      bad_argument("to has too little room");
    const auto* from = elements<const float>(values, static_cast<int64_t>(count), "values");
    char* target = elements<char>(to, static_cast<int64_t>(to.ElementLength()), "to") + at;
    const size_t written = write_json_numbers(from, count, target);
    return Napi::Number::New(info.Env(), static_cast<double>(at) + static_cast<double>(written));
  });
}

}  // namespace sinter
