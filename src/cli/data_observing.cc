#include "cli/data_observing.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>

#include "base/clock.h"
#include "cli/data_node_access.h"
#include "cli/data_tables.h"
#include "cli/mount_flags.h"
#include "datanode/json_bytes.h"

namespace leat::cli {
namespace {

struct ObservingFlags {
  std::string path;     // in a mount; "": of the cache's data node
  std::string output;   // "" or "json"
  double interval = 1;  // seconds, of top
  bool once = false;
  CacheFlags cache;
};

Result<json::Value> AskAbout(const ObservingFlags& flags, std::string_view op,
                             const OnProgress& progress) {
  const json::Value request = json::Object({{"op", op}});
  if (flags.path.empty()) return AskStarted(flags.cache, request, progress, {});
  const auto found = FindInMount(flags.path);
  if (!found) return found.error();
  return Ask(found->control, request, progress, {});
}

// The figures, with the processes in the mounts that they read.
Result<json::Value> Look(const ObservingFlags& flags) {
  std::map<std::string, json::Value> processes;  // by mountpoint
  auto now = AskAbout(flags, "top", [&](const json::Value& progress) {
    json::Value& rows =
        processes.try_emplace(datanode::BytesFromJson(progress["mountpoint"]), json::Array())
            .first->second;
    for (const json::Value& process : progress["processes"].Items()) rows.Push(process);
  });
  if (!now) return now;
  json::Value mounts = json::Array();
  for (json::Value mount : (*now)["mounts"].Items()) {
    const auto rows = processes.find(datanode::BytesFromJson(mount["mountpoint"]));
    mount.Set("processes", rows == processes.end() ? json::Array() : rows->second);
    mounts.Push(std::move(mount));
  }
  now->Set("mounts", std::move(mounts));
  return now;
}

int Top(const ObservingFlags& flags) {
  RealClock clock;
  const bool json = flags.output == "json";
  const bool once = flags.once || json || isatty(STDOUT_FILENO) == 0;
  const auto interval = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(flags.interval));
  json::Value before;
  // One picture needs two looks, for the rates.
  for (int look = 0; !once || look < 2; ++look) {
    auto now = Look(flags);
    if (!now) return Fail(now.error());
    if (json) {
      std::printf("%s\n", json::PrintPretty(*now).c_str());
      return 0;
    }
    if (look > 0) {
      const std::string text = TopText(*now, before, flags.interval);
      std::fputs(((once ? "" : "\033[H\033[J") + text).c_str(), stdout);
      std::fflush(stdout);
    }
    before = std::move(*now);
    if (!once || look == 0) clock.SleepFor(interval, {});
  }
  return 0;
}

int Metrics(const ObservingFlags& flags) {
  std::string text;  // printed whole, or not at all
  const auto done = AskAbout(
      flags, "metrics", [&](const json::Value& progress) { text += progress["text"].AsString(); });
  if (!done) return Fail(done.error());
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void AddDataObserving(CLI::App& data, Run& run) {
  const auto flags = std::make_shared<ObservingFlags>();
  CLI::App* top = data.add_subcommand("top", "Who reads how much, and from where");
  top->add_option("-o,--output", flags->output, "json, for programs")
      ->check(CLI::IsMember({"json"}));
  top->add_option("--interval", flags->interval, "Seconds between pictures")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  top->add_flag("--once", flags->once, "One picture");
  top->callback([flags, &run] { run = [flags] { return Top(*flags); }; });

  CLI::App* metrics = data.add_subcommand("metrics", "The data node's counters, for Prometheus");
  metrics->callback([flags, &run] { run = [flags] { return Metrics(*flags); }; });

  for (CLI::App* command : {top, metrics}) {
    command->add_option("PATH", flags->path,
                        "A path in a mount, to ask its data node; else that of --cache-dir");
    AddCacheFlags(*command, {flags, &flags->cache});
  }
}

}  // namespace leat::cli
