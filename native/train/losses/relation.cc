// relation and token_relation (Wang et al. 2020, MiniLM, and 2021, MiniLMv2). Two ranges A and B of
// the columns of a token value are cut into heads; a head's relation is softmax(A B^T / sqrt(its
// width)) over the tokens of a text. The loss is the divergence of the student's relations from the
// teacher's, which are made of the targets in the same way: teacher and student may have any
// widths. Per text it is divided by heads * tokens; relation is the mean over the texts,
// token_relation the sum over all texts divided by heads * all tokens.
#include <cmath>
#include <cstring>

#include "train/losses/parts.h"

namespace sinter {
namespace {

// One head of the rows A and B of a text; rows are `stride` floats apart.
struct HeadRows {
  const float* a;
  const float* b;
  int64_t stride, width;
};

// Writes B^T as [width, length] doubles, so that scores are sums over independent columns.
void transpose(const HeadRows& head, int64_t length, double* transposed) {
  for (int64_t j = 0; j < length; ++j) {
    for (int64_t k = 0; k < head.width; ++k) {
      transposed[k * length + j] = head.b[j * head.stride + k];
    }
  }
}

// Row i of a relation: its probabilities and their logarithms.
void relation_row(const HeadRows& head, const double* transposed, int64_t i, int64_t length,
                  double* p, double* log_p) {
  const float* a = head.a + i * head.stride;
  const double scale = 1 / std::sqrt(static_cast<double>(head.width));
  std::memset(log_p, 0, static_cast<size_t>(length) * sizeof(double));
  for (int64_t k = 0; k < head.width; ++k) {
    const double factor = a[k] * scale;
    const double* row = transposed + k * length;
    for (int64_t j = 0; j < length; ++j) log_p[j] += factor * row[j];
  }
  double top = log_p[0], sum = 0;
  for (int64_t j = 1; j < length; ++j) top = log_p[j] > top ? log_p[j] : top;
  for (int64_t j = 0; j < length; ++j) sum += p[j] = exp_any(log_p[j] - top);
  const double all = sum == sum ? top + portable_log(sum) : sum;
  for (int64_t j = 0; j < length; ++j) {
    p[j] /= sum;
    log_p[j] -= all;
  }
}

// Working memory of one head: see doubles_for.
struct HeadScratch {
  double *student_b, *teacher_b, *rows, *da, *db;
  HeadScratch(double* memory, int64_t length, int64_t student, int64_t teacher)
      : student_b(memory),
        teacher_b(student_b + length * student),
        rows(teacher_b + length * teacher),
        da(rows + 4 * length),
        db(da + length * student) {}
  static int64_t doubles_for(int64_t length, int64_t student, int64_t teacher) {
    return length * (3 * student + teacher + 4);
  }
};

// The divergence of a head, summed over its rows; leaves the gradients of A and B times `share`.
double head_loss(const HeadRows& student, const HeadRows& teacher, int64_t length, double share,
                 const HeadScratch& scratch) {
  transpose(student, length, scratch.student_b);
  transpose(teacher, length, scratch.teacher_b);
  const int64_t width = student.width;
  std::memset(scratch.da, 0, static_cast<size_t>(2 * length * width) * sizeof(double));
  double *r = scratch.rows, *log_r = r + length, *q = log_r + length, *log_q = q + length;
  const double scale = share / std::sqrt(static_cast<double>(width));
  double loss = 0;
  for (int64_t i = 0; i < length; ++i) {
    relation_row(student, scratch.student_b, i, length, r, log_r);
    relation_row(teacher, scratch.teacher_b, i, length, q, log_q);
    const float* a = student.a + i * student.stride;
    double* da = scratch.da + i * width;
    for (int64_t j = 0; j < length; ++j) {
      loss += q[j] * (log_q[j] - log_r[j]);
      const double slope = scale * (r[j] - q[j]);
      const float* b = student.b + j * student.stride;
      double* db = scratch.db + j * width;
      for (int64_t k = 0; k < width; ++k) da[k] += slope * b[k];
      for (int64_t k = 0; k < width; ++k) db[k] += slope * a[k];
    }
  }
  return loss;
}

// Adds the gradient of A or B, [length, width], to a range of columns.
void add_columns(const double* gradient, int64_t length, int64_t width, int64_t stride, float* dx) {
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      float& to = dx[i * stride + k];
      to = static_cast<float>(to + gradient[i * width + k]);
    }
  }
}

// `count`: texts, or tokens where `by_tokens`.
double relation_divergence(const LossCall& call, bool by_tokens) {
  const Relation& relation = call.term.settings.relation;
  const Batch& batch = call.run.batch;
  const int64_t heads = relation.heads, stride = call.width, target = relation.target_columns;
  const int64_t width = relation.columns / heads, target_width = target / heads;
  const float* teachers = call.term.values.data();
  const bool same = relation.first == relation.second;
  const float* second = same ? teachers : teachers + call.term.values.size() / 2;
  std::vector<double> losses(static_cast<size_t>(batch.sequences * heads));
  std::memset(call.dx, 0, static_cast<size_t>(call.rows * stride) * sizeof(float));
  call.run.parallel(batch.sequences * heads, 64 * call.rows * stride, [&](int64_t at, int lane) {
    const int64_t s = at / heads, h = at % heads;
    const int64_t first = batch.offsets[s], length = batch.offsets[s + 1] - first;
    const float* x = call.x + first * stride + h * width;
    const int64_t row = (call.first_row + first) * target + h * target_width;
    const HeadRows student{x + relation.first, x + relation.second, stride, width};
    const HeadRows teacher{teachers + row, second + row, target, target_width};
    const int64_t doubles = HeadScratch::doubles_for(length, width, target_width);
    const HeadScratch scratch(call.run.lane_scratch<double>(lane, doubles), length, width,
                              target_width);
    const double divisor =
        static_cast<double>(heads) * static_cast<double>(call.count) * (by_tokens ? 1.0 : length);
    losses[static_cast<size_t>(at)] =
        head_loss(student, teacher, length, call.term.weight / divisor, scratch) / divisor;
    float* dx = call.dx + first * stride + h * width;
    add_columns(scratch.da, length, width, stride, dx + relation.first);
    add_columns(scratch.db, length, width, stride, dx + relation.second);
  });
  double sum = 0;
  for (const double one : losses) sum += one;
  return sum;
}

}  // namespace

double relation_loss(const LossCall& call) { return relation_divergence(call, false); }

double token_relation_loss(const LossCall& call) { return relation_divergence(call, true); }

}  // namespace sinter
