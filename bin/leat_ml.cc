// leat-ml: the binary that links machine-learning libraries; what it does, kUsage tells.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/container_release.h"
#include "algorithms/predict.h"
#include "algorithms/xgboost_train.h"
#include "base/clock.h"
#include "base/nearest_word.h"

namespace {

using leat::Code;
using leat::Error;
using leat::Result;
using Flags = std::map<std::string, std::string>;

constexpr std::string_view kUsage =
    "usage: leat-ml train [--root DIR]\n"
    "       leat-ml predict --model FILE --data CSV --out FILE\n"
    "       leat-ml evaluate --model FILE --data CSV --labels IDX-FILE\n"
    "\n"
    "train     runs one XGBoost training job by the SageMaker container contract\n"
    "predict   writes one prediction a line\n"
    "evaluate  prints how many predictions equal the labels\n"
    "\n"
    "`leat-ml COMMAND --help` tells more.\n";

constexpr char kTrainHelp[] =
    "usage: leat-ml train [--root DIR]\n"
    "\n"
    "Runs one XGBoost training job by the SageMaker container contract, in DIR (default /opt/ml):\n"
    "input/config/*.json and input/data/<channel>/ in, model/xgboost-model out, the reason of a\n"
    "failure in output/failure.\n";
constexpr char kPredictHelp[] =
    "usage: leat-ml predict --model FILE --data CSV --out FILE\n"
    "\n"
    "Writes one prediction a line to the --out file.\n"
    "\n"
    "--model  a model file, a directory with xgboost-model in it, or SageMaker's model.tar.gz\n"
    "--data   a CSV file without header and label, or a directory of them\n";
constexpr char kEvaluateHelp[] =
    "usage: leat-ml evaluate --model FILE --data CSV --labels IDX-FILE\n"
    "\n"
    "Prints how many predictions equal the labels.\n"
    "\n"
    "--model   a model file, a directory with xgboost-model in it, or SageMaker's model.tar.gz\n"
    "--data    a CSV file without header and label, or a directory of them\n"
    "--labels  an IDX file of unsigned bytes, gzipped or not, with as many labels as there are "
    "rows\n";

constexpr int kUsageError = 2;
constexpr int kKilledByTerm = 128 + SIGTERM;

leat::algorithms::Termination termination;  // global because a signal handler reaches nothing else

// As PID 1 of a container we would otherwise ignore SIGTERM.
void OnTerminate(int) {
  if (!termination.keeps_model) ::_exit(kKilledByTerm);
  termination.requested = true;
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = leat::NearestWord(word, known);
  return nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?";
}

// --name value or --name=value; each name must be in `names`.
Result<Flags> ParseFlags(const std::vector<std::string_view>& args,
                         const std::vector<std::string>& names) {
  Flags flags;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view arg = args[i];
    const size_t equals = arg.find('=');
    const std::string name(arg.substr(0, equals));
    bool known = false;
    for (const std::string& each : names) known = known || name == each;
    if (!known) return Error{Code::kInvalid, "unknown flag " + name + DidYouMean(name, names)};
    if (equals == std::string_view::npos && i + 1 == args.size())
      return Error{Code::kInvalid, name + " needs a value"};
    flags[name] = equals == std::string_view::npos ? args[++i] : arg.substr(equals + 1);
  }
  return flags;
}

int Fail(const Error& error, int status) {
  std::fprintf(stderr, "leat-ml: %s\n", error.message.c_str());
  return status;
}

// libgomp's threads spin at each barrier for milliseconds before they sleep. Where others want the
// cores too, that is the time of the very thread that is waited for: 1,000 rounds of 20,000 rows on
// two cores took minutes beside two busy loops, and take 5 to 12 s like this; 4.6 s alone, both
// ways. libgomp reads this when it is loaded, so the program starts once more.
void SpinBriefly(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  ::setenv("GOMP_SPINCOUNT", "1000", 1);
  ::execv("/proc/self/exe", argv);  // where it cannot, it goes on as it is
}

int Train(const Flags& flags) {
  struct sigaction action = {};
  action.sa_handler = OnTerminate;
  ::sigaction(SIGTERM, &action, nullptr);
  leat::RealClock clock;
  leat::algorithms::TrainingLog log(clock, STDOUT_FILENO);
  const auto root = flags.find("--root");
  const char* image = std::getenv("LEAT_TRAINING_IMAGE");  // set by the engine
  return leat::algorithms::RunTrainingJob(root == flags.end() ? "/opt/ml" : root->second,
                                          leat::algorithms::ReleaseOf(image ? image : ""),
                                          termination, log);
}

int Predict(const Flags& flags) {
  const auto written =
      leat::algorithms::PredictToFile(flags.at("--model"), flags.at("--data"), flags.at("--out"));
  return written ? 0 : Fail(written.error(), 1);
}

int Evaluate(const Flags& flags) {
  const auto accuracy =
      leat::algorithms::Evaluate(flags.at("--model"), flags.at("--data"), flags.at("--labels"));
  if (!accuracy) return Fail(accuracy.error(), 1);
  std::printf("%s\n", accuracy->ToString().c_str());
  return 0;
}

struct Command {
  std::string name;
  const char* help;
  std::vector<std::string> flags;
  bool all_required;
  int (*run)(const Flags&);
};

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
      {"train", kTrainHelp, {"--root"}, false, Train},
      {"predict", kPredictHelp, {"--model", "--data", "--out"}, true, Predict},
      {"evaluate", kEvaluateHelp, {"--model", "--data", "--labels"}, true, Evaluate},
  };
  return kCommands;
}

int Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

bool IsHelp(std::string_view word) { return word == "--help" || word == "-h"; }

int RunCommand(const Command& command, const std::vector<std::string_view>& args) {
  for (const std::string_view arg : args)
    if (IsHelp(arg)) return Print(command.help);
  const auto flags = ParseFlags(args, command.flags);
  if (!flags) return Fail(flags.error(), kUsageError);
  for (const std::string& flag : command.flags)
    if (command.all_required && !flags->contains(flag))
      return Fail({Code::kInvalid, command.name + " needs " + flag}, kUsageError);
  return command.run(*flags);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (args.empty()) {
    std::fwrite(kUsage.data(), 1, kUsage.size(), stderr);
    return kUsageError;
  }
  if (args[0] == "--version" || args[0] == "version")
    return Print(std::string("leat-ml ") + LEAT_VERSION + "\n");
  if (args.size() == 2 && args[0] == "help") args = {args[1], "--help"};
  if (IsHelp(args[0]) || args[0] == "help") return Print(kUsage);
  std::vector<std::string> names;
  for (const Command& command : Commands()) {
    if (command.name == args[0]) {
      SpinBriefly(argv);
      return RunCommand(command, {args.begin() + 1, args.end()});
    }
    names.push_back(command.name);
  }
  const std::string name(args[0]);
  return Fail({Code::kInvalid, "\"" + name + "\" is not a command" + DidYouMean(name, names) +
                                   "\nleat-ml: `leat-ml --help` tells what there is"},
              kUsageError);
}
