#include "cli/data_observing.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "cli/data_node_access.h"
#include "cli/data_tables.h"
#include "cli/mount_flags.h"
#include "cli/running_data_nodes.h"
#include "datanode/json_bytes.h"

namespace leat::cli {
namespace {

struct ObservingFlags {
  std::string path;     // in a mount
  std::string output;   // "" or "json"
  double interval = 1;  // seconds, of top
  bool once = false;
  CacheFlags cache;
};

// Neither a path nor a cache directory is given: all that run are meant.
bool AboutAll(const ObservingFlags& flags) {
  return flags.path.empty() && flags.cache.directories.empty();
}

Result<std::vector<NodeAnswer>> AskAbout(const ObservingFlags& flags, std::string_view op,
                                         const OnNodeProgress& progress) {
  const json::Value request = json::Object({{"op", op}});
  if (AboutAll(flags)) return AskRunning(request, progress);
  const auto on_progress = [&](const json::Value& message) { progress("", message); };
  const auto ask = [&]() -> Result<json::Value> {
    if (flags.path.empty()) return AskStarted(flags.cache, request, on_progress, {});
    const auto found = FindInMount(flags.path);
    if (!found) return found.error();
    return Ask(found->control, request, on_progress, {});
  };
  auto done = ask();
  if (!done) return done.error();
  std::vector<NodeAnswer> one;
  one.push_back({.directory = "", .done = std::move(*done)});
  return one;
}

// The figures, with the processes in the mounts that they read.
Result<std::vector<NodeAnswer>> Look(const ObservingFlags& flags) {
  std::map<std::string, json::Value> processes;  // by mountpoint
  auto nodes = AskAbout(flags, "top", [&](const std::string&, const json::Value& progress) {
    json::Value& rows =
        processes.try_emplace(datanode::BytesFromJson(progress["mountpoint"]), json::Array())
            .first->second;
    for (const json::Value& process : progress["processes"].Items()) rows.Push(process);
  });
  if (!nodes) return nodes;
  for (NodeAnswer& node : *nodes) {
    json::Value mounts = json::Array();
    for (json::Value mount : node.done["mounts"].Items()) {
      const auto rows = processes.find(datanode::BytesFromJson(mount["mountpoint"]));
      mount.Set("processes", rows == processes.end() ? json::Array() : rows->second);
      mounts.Push(std::move(mount));
    }
    node.done.Set("mounts", std::move(mounts));
    if (!node.directory.empty()) node.done.Set("directory", datanode::BytesToJson(node.directory));
  }
  return nodes;
}

void PrintJson(const ObservingFlags& flags, std::vector<NodeAnswer>& nodes) {
  json::Value all = json::Array();
  for (NodeAnswer& node : nodes) all.Push(std::move(node.done));
  const json::Value shown =
      AboutAll(flags) ? json::Object({{"dataNodes", std::move(all)}}) : all[0];
  std::printf("%s\n", json::PrintPretty(shown).c_str());
}

std::string TopTextOf(const std::vector<NodeAnswer>& now, const std::vector<NodeAnswer>& before,
                      double seconds) {
  static const json::Value kNone;
  std::string text;
  for (const NodeAnswer& node : now) {
    const json::Value* old = &kNone;
    for (const NodeAnswer& each : before)
      if (each.directory == node.directory) old = &each.done;
    if (!node.directory.empty())
      text += (text.empty() ? "" : "\n") + Printable(node.directory) + ": ";
    text += TopText(node.done, *old, seconds);
  }
  return text;
}

int Top(const ObservingFlags& flags) {
  RealClock clock;
  const bool json = flags.output == "json";
  const bool once = flags.once || json || isatty(STDOUT_FILENO) == 0;
  const auto interval = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(flags.interval));
  std::vector<NodeAnswer> before;
  // One picture needs two looks, for the rates.
  for (int look = 0; !once || look < 2; ++look) {
    auto now = Look(flags);
    if (!now) return Fail(now.error());
    if (json) {
      PrintJson(flags, *now);
      return 0;
    }
    if (look > 0) {
      const std::string text = TopTextOf(*now, before, flags.interval);
      std::fputs(((once ? "" : "\033[H\033[J") + text).c_str(), stdout);
      std::fflush(stdout);
    }
    before = std::move(*now);
    if (!once || look == 0) clock.SleepFor(interval, {});
  }
  return 0;
}

int Metrics(const ObservingFlags& flags) {
  std::map<std::string, std::string> texts;  // by directory; printed whole, or not at all
  const auto done =
      AskAbout(flags, "metrics", [&](const std::string& directory, const json::Value& progress) {
        texts[directory] += progress["text"].AsString();
      });
  if (!done) return Fail(done.error());
  std::vector<std::pair<std::string, std::string>> whole;  // of those that answered to the end
  for (const NodeAnswer& node : *done) whole.emplace_back(node.directory, texts[node.directory]);
  const std::string text = AboutAll(flags) ? MergeMetrics(whole) : whole[0].second;
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
    command->add_option(
        "PATH", flags->path,
        "A path in a mount, to ask its data node, or --cache-dir; else all that run");
    AddCacheFlags(*command, {flags, &flags->cache});
  }
}

}  // namespace leat::cli
