// leat-ml: the binary that links machine-learning libraries.
//
//   leat-ml train [--root /opt/ml]                       a SageMaker training container's
//   entrypoint leat-ml predict --model M --data CSV --out FILE leat-ml evaluate --model M --data
//   CSV --labels IDX
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/predict.h"
#include "algorithms/xgboost_train.h"
#include "base/clock.h"

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
    "train     runs one XGBoost training job by the SageMaker container contract, in DIR\n"
    "          (default /opt/ml): input/config/*.json and input/data/<channel>/ in,\n"
    "          model/xgboost-model out, the reason of a failure in output/failure\n"
    "predict   writes one prediction a line\n"
    "evaluate  prints how many predictions equal the labels\n"
    "\n"
    "The model is a file, a directory with xgboost-model in it, or SageMaker's model.tar.gz.\n"
    "CSV files have no header and, for predict and evaluate, no label.\n";

constexpr int kUsageError = 2;
constexpr int kKilledByTerm = 128 + SIGTERM;

leat::algorithms::Termination termination;  // global because a signal handler reaches nothing else

// As PID 1 of a container we would otherwise ignore SIGTERM.
void OnTerminate(int) {
  if (!termination.keeps_model) ::_exit(kKilledByTerm);
  termination.requested = true;
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
    if (!known) return Error{Code::kInvalid, "unknown argument " + std::string(arg)};
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

int Train(const Flags& flags) {
  struct sigaction action = {};
  action.sa_handler = OnTerminate;
  ::sigaction(SIGTERM, &action, nullptr);
  leat::RealClock clock;
  leat::algorithms::TrainingLog log(clock, STDOUT_FILENO);
  const auto root = flags.find("--root");
  return leat::algorithms::RunTrainingJob(root == flags.end() ? "/opt/ml" : root->second,
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
  std::string_view name;
  std::vector<std::string> flags;
  bool all_required;
  int (*run)(const Flags&);
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Command> commands = {
      {"train", {"--root"}, false, Train},
      {"predict", {"--model", "--data", "--out"}, true, Predict},
      {"evaluate", {"--model", "--data", "--labels"}, true, Evaluate},
  };
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    std::printf("%.*s", static_cast<int>(kUsage.size()), kUsage.data());
    return 0;
  }
  if (name == "--version") {
    std::printf("leat-ml %s\n", LEAT_VERSION);
    return 0;
  }
  for (const Command& command : commands) {
    if (command.name != name) continue;
    const auto flags = ParseFlags({argv + 2, argv + argc}, command.flags);
    if (!flags) return Fail(flags.error(), kUsageError);
    for (const std::string& flag : command.flags)
      if (command.all_required && !flags->contains(flag))
        return Fail({Code::kInvalid, std::string(name) + " needs " + flag}, kUsageError);
    return command.run(*flags);
  }
  std::fprintf(stderr, "%.*s", static_cast<int>(kUsage.size()), kUsage.data());
  return kUsageError;
}
