// What the losses share that rank pairs of rows by their scores.
#pragma once

#include <vector>

#include "train/losses/loss.h"

namespace sinter {

// The loss log(1 + sum of exp(scale * (similarity i - similarity j)) over all i, j with score i <
// score j) of pairs with these similarities. Fills `slopes` with its derivatives by the
// similarities, times the term's weight. With the pairs sorted by score the double sum takes one
// pass: the exponentials of similarities with lower scores form a running sum.
double rank_pairs(const LossCall& call, const std::vector<double>& similarity,
                  std::vector<double>& slopes);

}  // namespace sinter
