// What every computation of this folder gets: the lanes, the cancellation, and the place where
// urgent calls pass. The rule: `check` is called outside of parallel work, every few milliseconds.
#pragma once

#include "base/cancel.h"
#include "base/team.h"
#include "program/run.h"

namespace sinter {

struct Work {
  Team& team;
  const Cancel& cancel;
  Interlude* interlude = nullptr;

  void check() const {
    cancel.check();
    if (interlude != nullptr) interlude->pass(0, true);
  }
};

}  // namespace sinter
