// Another kernel table for a while: for tests that count or disturb what kernels do.
#pragma once

#include "blindsight/ring/kernels.h"

namespace blindsight::ring {

/// While it lives, kernels() gives this table. To be made and destroyed while nothing computes.
class KernelsForTest {
 public:
  explicit KernelsForTest(const Kernels& table);
  ~KernelsForTest();
  KernelsForTest(const KernelsForTest&) = delete;
  KernelsForTest& operator=(const KernelsForTest&) = delete;
};

}  // namespace blindsight::ring
