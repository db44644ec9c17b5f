#include "program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "blindsight/cli/zoo.h"
#include "blindsight/vision/image.h"
#include "blindsight/vision/sample_digits.h"

namespace blindsight::cli::test {
namespace fs = std::filesystem;
namespace {

std::string text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

fs::path make_folder() {
  std::string name = (fs::temp_directory_path() / "blindsight-cli-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return name;
}

void redirect(const fs::path& file, int descriptor) {
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(opened, descriptor);
  close(opened);
}

}  // namespace

Result program(const std::vector<std::string>& args) {
  const fs::path folder = make_folder();
  const fs::path out = folder / "out";
  const fs::path err = folder / "err";
  std::vector<char*> argv{const_cast<char*>(BLINDSIGHT_PROGRAM)};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    redirect(out, STDOUT_FILENO);
    redirect(err, STDERR_FILENO);
    execv(BLINDSIGHT_PROGRAM, argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Result result{WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), text(out), text(err)};
  fs::remove_all(folder);
  return result;
}

void expect_refusal(const Result& result, const fs::path& output) {
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_TRUE(result.err.starts_with("blindsight: error: ")) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.ends_with('\n'));
  EXPECT_EQ(result.out, "");
  if (!output.empty()) {
    EXPECT_FALSE(fs::exists(output)) << output;
  }
}

Bytes contents(const fs::path& file) {
  const std::string s = text(file);
  return {s.begin(), s.end()};
}

void store(const fs::path& file, const Bytes& bytes) {
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

bool have_model(const std::string& name) {
  const auto names = zoo_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Workshop& Workshop::get() {
  static const Workshop workshop;
  return workshop;
}

Workshop::Workshop() : folder_(make_folder()) {
  const auto samples = vision::sample_digits(3);
  for (const auto& sample : {samples[2], samples[5], samples[8]}) {
    images_.push_back(path("digit" + std::to_string(sample.label) + ".png").string());
    vision::write_png(images_.back(), sample.image);
  }
  run({"compile", kModel, "-o", path("model").string()});
  run({"keygen", path("model/manifest.bs").string(), "-o", path("keys").string()});
  std::vector<std::string> encrypt{"encrypt", "--keys", path("keys").string(), "-o", path("x.ct").string()};
  encrypt.insert(encrypt.end(), images_.begin(), images_.end());
  run(encrypt);
  run({"infer", path("model/plan.bs").string(), "--eval-keys", path("keys/eval.keys").string(), path("x.ct").string(),
       "-o", path("y.ct").string()});
}

Workshop::~Workshop() { fs::remove_all(folder_); }

void Workshop::run(const std::vector<std::string>& args) {
  if (!trouble_.empty()) return;
  const Result result = program(args);
  if (result.status != 0) trouble_ = args[0] + ": " + result.err;
}

}  // namespace blindsight::cli::test
