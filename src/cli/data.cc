// `leat data`: what is cached, and changing it.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/data_node_access.h"
#include "cli/data_observing.h"
#include "cli/data_tables.h"
#include "cli/data_trace.h"
#include "cli/listing_line.h"
#include "cli/mount_flags.h"
#include "cli/progress.h"
#include "cli/running_data_nodes.h"
#include "datanode/json_bytes.h"
#include "io/fd.h"
#include "io/file.h"

namespace leat::cli {
namespace {

struct DataFlags {
  std::string target;  // a path in a mount, or a source
  std::string output;  // "" or "json"
  bool recursive = false;
  bool skipped = false;
  std::string order;  // of load: a file
  SourceFlags source;
  CacheFlags cache;
};

// A request about the target, and whom to ask.
struct Question {
  json::Value request;
  std::string control;  // "": the data node of the cache flags
};

Result<Question> QuestionOf(const DataFlags& flags, std::string_view op) {
  Question question{.request = json::Object({{"op", op}}), .control = {}};
  auto options = OptionsOf(flags.cache);
  if (!options) return options.error();
  if (!IsSource(flags.target)) {
    const auto found = FindInMount(flags.target);
    if (!found) return found.error();
    question.request.Set("mountpoint", datanode::BytesToJson(found->mountpoint));
    question.request.Set("path", datanode::BytesToJson(found->path));
    question.control = found->control;
    return question;
  }
  const auto spec = SpecOf(flags.target, flags.source);
  if (!spec) return spec.error();
  question.request.Set("spec", spec->ToJson()).Set("options", std::move(*options));
  return question;
}

Result<json::Value> Put(const DataFlags& flags, const Question& question,
                        const OnProgress& progress) {
  if (!question.control.empty()) return Ask(question.control, question.request, progress, {});
  return AskStarted(flags.cache, question.request, progress, {});
}

// Draws {done, total} as a bar, {objects, bytes} as a listing.
class WorkShown {
 public:
  WorkShown(const std::string& doing, const std::string& target)
      : title_(doing + " " + target), listing_("listing " + target) {}
  void Show(const json::Value& progress) {
    if (!progress.Has("done")) return listing_.Show(progress);
    listing_.Finish();
    if (!bar_) bar_.emplace(title_, static_cast<uint64_t>(progress["total"].AsInt()));
    const auto done = static_cast<uint64_t>(progress["done"].AsInt());
    if (done > done_) bar_->Add(done - done_);
    done_ = std::max(done, done_);
  }
  void Finish() {
    listing_.Finish();
    if (bar_ && isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
  }

 private:
  const std::string title_;
  ListingLine listing_;
  std::optional<Progress> bar_;
  uint64_t done_ = 0;
};

bool Json(const DataFlags& flags) { return flags.output == "json"; }

void PrintJson(const json::Value& value) { std::printf("%s\n", json::PrintPretty(value).c_str()); }

// ls and its --skipped: rows as they come, of {key: [...]} messages.
int List(const DataFlags& flags) {
  const char* op = flags.skipped ? "skipped" : "ls";
  const char* key = flags.skipped ? "skipped" : "entries";
  auto question = QuestionOf(flags, op);
  if (!question) return Fail(question.error());
  question->request.Set("recursive", flags.recursive);
  ListingLine listing("listing " + flags.target);
  bool first = true;
  if (Json(flags)) std::fputs("[", stdout);
  const auto done = Put(flags, *question, [&](const json::Value& progress) {
    listing.Show(progress);
    if (progress.Has(key)) listing.Finish();
    for (const json::Value& row : progress[key].Items()) {
      const std::string line = Json(flags)     ? (first ? "\n" : ",\n") + json::Print(row)
                               : flags.skipped ? SkippedLine(row) + "\n"
                                               : EntryLine(row) + "\n";
      first = false;
      std::fputs(line.c_str(), stdout);
    }
  });
  listing.Finish();
  if (Json(flags)) std::fputs("\n]\n", stdout);
  return done ? 0 : Fail(done.error());
}

std::string Plural(const json::Value& count, std::string_view noun) {
  return fmt::format("{} {}{}", count.AsInt(), noun, count.AsInt() == 1 ? "" : "s");
}

std::string Bytes(const json::Value& count) {
  return HumanBytes(static_cast<uint64_t>(count.AsInt()));
}

std::string FsckText(const json::Value& done) {
  std::string directories;
  for (const json::Value& each : done["directories"].Items()) {
    if (!directories.empty()) directories += ", ";
    directories += datanode::BytesFromJson(each);
  }
  std::string text = fmt::format("{}: {} checked, {} dropped", directories,
                                 Bytes(done["checkedBytes"]), Plural(done["dropped"], "piece"));
  if (done["skipped"].AsInt() > 0)
    text += fmt::format(", {} not checked because the cache's files cannot be opened",
                        Plural(done["skipped"], "object"));
  if (done["dropped"].AsInt() == 0) return text;
  text += fmt::format(
      " because {} bytes had changed; what is missing is fetched again when it is "
      "read:",
      done["dropped"].AsInt() == 1 ? "its" : "their");
  int64_t unnamed = done["objects"].AsInt();
  for (const json::Value& name : done["files"].Items()) {
    text += "\n  " + datanode::BytesFromJson(name);
    --unnamed;
  }
  if (unnamed > 0)
    text += fmt::format("\n  {} of no mount now, or too many to name",
                        Plural(json::Value(unnamed), "object"));
  return text;
}

std::string Outcome(std::string_view op, const json::Value& done) {
  if (op == "stat") return StatText(done);
  if (op == "df") return DfText(done["directories"]);
  std::string text;
  if (op == "load") {
    const std::string_view noun = done["ordered"].AsBool() ? "part" : "file";
    text = fmt::format("{} {} cached, {}", Plural(done["files"], noun),
                       done["files"].AsInt() == 1 ? "is" : "are", Bytes(done["bytes"]));
    if (done["refused"].AsInt() > 0) {
      text += fmt::format(
          "; {} ({}) did not fit beside what is in use: a larger --cache-dir size, or `leat data "
          "evict`, makes room",
          Plural(done["refused"], noun), Bytes(done["refusedBytes"]));
    }
  } else if (op == "evict") {
    text = fmt::format("{} evicted, {}", Plural(done["evicted"], "file"), Bytes(done["bytes"]));
    if (done["inUse"].AsInt() > 0)
      text += fmt::format("; {} {}: open or pinned", Plural(done["inUse"], "file"),
                          done["inUse"].AsInt() == 1 ? "stays" : "stay");
  } else if (op == "fsck") {
    text = FsckText(done);
  } else {
    text = fmt::format("{} {}ned, {}", Plural(done["files"], "file"), op, Bytes(done["bytes"]));
    if (op == "pin") text += "; `leat data load` fetches what is not cached yet";
  }
  return text + "\n";
}

// The path of what comes from stdin, as long as `held` lives. Not stdin itself, which need not end.
Result<std::string> CopyOfStdin(io::UniqueFd& held) {
  held = io::UniqueFd(memfd_create("order", MFD_CLOEXEC));
  if (!held.ok()) return io::ErrnoError(errno, "keep what comes from stdin");
  char buffer[64 << 10];
  while (true) {
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io::ErrnoError(errno, "read stdin");
    if (got == 0) return fmt::format("/proc/{}/fd/{}", getpid(), held.get());
    const std::string_view bytes(buffer, static_cast<size_t>(got));
    if (auto kept = io::WriteAll(held.get(), bytes); !kept) return kept.error();
  }
}

// The directories of all data nodes, as df tells those of one.
Result<json::Value> DfOfRunning() {
  const auto nodes = AskRunning(json::Object({{"op", "df"}}), [](auto&&...) {});
  if (!nodes) return nodes.error();
  json::Value directories = json::Array();
  for (const NodeAnswer& node : *nodes)
    for (const json::Value& each : node.done["directories"].Items()) directories.Push(each);
  return json::Object({{"directories", std::move(directories)}});
}

// Every operation with one answer.
int Simple(const DataFlags& flags, std::string_view op, const std::string& doing) {
  Question question{.request = json::Object({{"op", op}}), .control = {}};
  if (!flags.target.empty()) {
    auto about = QuestionOf(flags, op);
    if (!about) return Fail(about.error());
    question = std::move(*about);
  }
  io::UniqueFd from_stdin;
  if (!flags.order.empty()) {
    // The data node reads it itself: it may be longer than a message.
    const auto order = flags.order == "-" ? CopyOfStdin(from_stdin) : RealPath(flags.order);
    if (!order) return Fail(order.error());
    question.request.Set("order", datanode::BytesToJson(*order));
  }
  WorkShown work(doing, flags.target.empty() ? "the cache" : flags.target);
  const auto show = [&](const json::Value& progress) { work.Show(progress); };
  // Without a name, df is about all that run.
  const bool all = op == "df" && flags.target.empty() && flags.cache.directories.empty();
  const auto done = all ? DfOfRunning() : Put(flags, question, show);
  work.Finish();
  if (!done) return Fail(done.error());
  if (Json(flags))
    PrintJson(*done);
  else
    std::fputs(Outcome(op, *done).c_str(), stdout);
  // Something was left out that was asked for.
  return (*done)["refused"].AsInt() > 0 || (*done)["inUse"].AsInt() > 0 ? 1 : 0;
}

CLI::App* Command(CLI::App& data, const char* name, const char* help,
                  const std::shared_ptr<DataFlags>& flags, bool target_required) {
  CLI::App* command = data.add_subcommand(name, help);
  CLI::Option* target =
      command->add_option("PATH", flags->target, "A path in a mount, or a source (s3://...)");
  if (target_required) target->required();
  command->add_option("-o,--output", flags->output, "json, for programs")
      ->check(CLI::IsMember({"json"}));
  AddCacheFlags(*command, {flags, &flags->cache});
  AddSourceFlags(*command, {flags, &flags->source});
  return command;
}

}  // namespace

void AddData(CLI::App& app, Run& run) {
  CLI::App* data = app.add_subcommand("data", "Look into the cache of mounts, and change it");
  data->require_subcommand(1);
  const auto flags = std::make_shared<DataFlags>();
  CLI::App* list = Command(*data, "ls", "Files and what of them is cached", flags, true);
  list->add_flag("-r,--recursive", flags->recursive, "Everything below");
  list->add_flag("--skipped", flags->skipped, "The keys that cannot be paths, and why");
  list->callback([flags, &run] { run = [flags] { return List(*flags); }; });

  struct Operation {
    const char* name;
    const char* help;
    const char* doing;
    bool target;
  };
  static constexpr Operation kOperations[] = {
      {"stat", "One file or directory", "looking at", true},
      {"load", "Fetch everything below into the cache", "loading", true},
      {"evict", "Drop it from the cache", "evicting", true},
      {"pin", "Keep it in the cache, whatever else comes", "pinning", true},
      {"unpin", "Take the pin away", "unpinning", true},
      {"fsck", "Check every cached byte against its checksum", "checking", false},
      {"df", "Directories of the cache, and how full they are", "looking at", false},
  };
  for (const Operation& each : kOperations) {
    CLI::App* command = Command(*data, each.name, each.help, flags, each.target);
    if (std::string_view(each.name) == "load") {
      command->add_option(
          "--order", flags->order,
          "A file (- for stdin) with one path below PATH a line, in the order in which they will "
          "be read; PATH OFFSET LENGTH for a part; PATH#N or PATH#N-M for records "
          "of a TFRecord file or samples of a WebDataset tar, numbered from 0, by "
          "the index beside it (PATH.idx)");
    }
    command->callback([flags, &run, each] {
      run = [flags, each] { return Simple(*flags, each.name, each.doing); };
    });
  }
  AddDataObserving(*data, run);
  AddDataTrace(*data, run);
}

}  // namespace leat::cli
