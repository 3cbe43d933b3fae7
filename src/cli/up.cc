// `leat up`: an embedded cluster in the foreground.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/log.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/data_node_access.h"
#include "cli/embedded_cluster.h"

namespace leat::cli {
namespace {

struct UpFlags {
  std::string data_dir = DataDir::Default();
  std::string listen = "127.0.0.1:6443";
  std::string aws_listen = "127.0.0.1:9000";
  std::string node_name;
  CacheFlags cache;
  int64_t capacity_wait = ClusterOptions{}.capacity_wait.count();
  bool aws_tls = false;
  bool stop_pods = false;
};

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void AwaitStopSignal() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  sigwait(&signals, &signal);
}

// Ends the process after the time the design allows for it, whatever still blocks: every
// acknowledged write is durable already.
std::jthread ShutdownDeadline() {
  return std::jthread([](const std::stop_token& stop) {
    RealClock clock;
    if (!clock.SleepFor(std::chrono::milliseconds(4500), stop)) return;
    LogWarning("parts did not end in time; leaving them");
    _exit(0);
  });
}

// In single quotes where a shell would need them.
std::string Quoted(const std::string& path) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
  if (path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The first line is for programs, the others are for pasting into a second terminal.
void TellReady(const EmbeddedCluster& cluster, const DataDir& data_dir) {
  const std::string kubeconfig = data_dir.File("kubeconfig");
  const std::string credentials = data_dir.File("aws/credentials");
  std::fputs(
      fmt::format("ready api={} aws={} kubeconfig={} credentials={}\n"
                  "export KUBECONFIG={}\n"
                  "export AWS_SHARED_CREDENTIALS_FILE={}\n"
                  "export AWS_CONFIG_FILE={}\n",
                  cluster.api_url(), cluster.aws_url(), kubeconfig, credentials, Quoted(kubeconfig),
                  Quoted(credentials), Quoted(data_dir.File("aws/config")))
          .c_str(),
      stdout);
  std::fflush(stdout);
}

int Up(const UpFlags& flags) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts; taken by sigwait
  const auto listen = ListenAddress::Parse(flags.listen);
  if (!listen) return Fail(listen.error());
  const auto aws_listen = ListenAddress::Parse(flags.aws_listen);
  if (!aws_listen) return Fail(aws_listen.error());
  std::vector<std::string> cache_dirs;
  if (!flags.cache.directories.empty()) {
    auto given = CacheDirectories(flags.cache);
    if (!given) return Fail(given.error());
    cache_dirs = std::move(*given);
  }
  RealClock clock;
  auto data_dir = DataDir::Take(flags.data_dir, clock);
  if (!data_dir) return Fail(data_dir.error());

  auto cluster =
      EmbeddedCluster::Start({.listen = *listen,
                              .aws_listen = *aws_listen,
                              .aws_tls = flags.aws_tls,
                              .node_name = flags.node_name,
                              .cache_dirs = std::move(cache_dirs),
                              .capacity_wait = std::chrono::seconds(flags.capacity_wait)},
                             *data_dir, clock);
  if (!cluster) {
    if (auto discarded = data_dir->DiscardIfNew(); !discarded)
      LogWarning("cannot remove the new data directory", {{"error", discarded.error()}});
    return Fail(cluster.error());
  }
  TellReady(**cluster, *data_dir);

  AwaitStopSignal();
  LogInfo(flags.stop_pods ? "stopping pods, then everything; a second signal ends at once"
                          : "stopping; pods go on running, a second signal ends at once");
  std::thread([] {
    AwaitStopSignal();
    _exit(1);
  }).detach();  // it can only end the process, and holds nothing
  if (flags.stop_pods) (*cluster)->StopPods({});
  const std::jthread deadline = ShutdownDeadline();
  cluster->reset();
  return 0;
}

}  // namespace

void AddUp(CLI::App& app, Run& run) {
  auto flags = std::make_shared<UpFlags>();
  CLI::App* up = app.add_subcommand("up", "Run an embedded cluster in the foreground");
  up->add_option("--data-dir", flags->data_dir, "Where everything is kept")->capture_default_str();
  up->add_option("--listen", flags->listen,
                 "Address of the Kubernetes API; port 0 picks a free one")
      ->capture_default_str();
  up->add_option("--aws-listen", flags->aws_listen,
                 "Address of the AWS-compatible endpoint; port 0 picks a free one")
      ->capture_default_str();
  up->add_flag("--aws-tls", flags->aws_tls, "Serve the AWS-compatible endpoint over TLS");
  up->add_option("--node-name", flags->node_name, "Name of this node (the host name)");
  up->add_option(
        "--cache-dir", flags->cache.directories,
        "PATH[,size=N][,tier=memory|ssd|hdd]: where FastFile channels and other volumes of "
        "object storage keep what they read; repeatable (in the data directory, a tenth of "
        "its disk)")
      ->allow_extra_args(false);
  up->add_option("--capacity-wait", flags->capacity_wait,
                 "How long a training job waits for GPUs that no node has yet before it fails with "
                 "CapacityError, e.g. 15m where nodes are added on demand")
      ->transform(AsSeconds())
      ->check(CLI::Range(int64_t{0}, int64_t{365 * 86'400}))
      ->capture_default_str();
  up->add_flag("--stop-pods", flags->stop_pods,
               "At the end (Ctrl-C or SIGTERM) stop the pods first, each with its grace period; "
               "without it they go on and the next start finds them");
  up->callback([flags, &run] { run = [flags] { return Up(*flags); }; });
}

}  // namespace leat::cli
