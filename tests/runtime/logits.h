// What a program says of an input: simulated, and encrypted with keys of its own.
#pragma once

#include <memory>
#include <vector>

#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/simulator.h"

namespace blindsight::test {

inline std::vector<double> simulated_logits(const compiler::Program& program, const std::vector<double>& x) {
  return runtime::unpack(program.output,
                         runtime::simulate(program, runtime::pack(program.input, x, program.input_elements)),
                         program.output_elements);
}

inline std::vector<double> encrypted_logits(const std::shared_ptr<const compiler::Program>& program,
                                            const std::vector<double>& x) {
  const runtime::Client client(compiler::make_manifest(*program, ""));
  const ckks::SecretKey secret(client.context());
  const auto keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
  const runtime::Executor executor(client.context(), program);
  return client.decrypt(secret, executor.run(runtime::expand(*client.context(), client.encrypt(secret, x)), keys));
}

}  // namespace blindsight::test
