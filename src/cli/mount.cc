// `leat mount` and `leat umount`.
#include "fuse/mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/data_node_access.h"
#include "cli/listing_line.h"
#include "cli/mount_flags.h"
#include "cli/mount_holders.h"
#include "datanode/json_bytes.h"
#include "io/file.h"
#include "io/wait.h"

namespace leat::cli {
namespace {

struct MountFlags {
  std::string source;
  std::string mountpoint;
  int64_t ttl = -1;  // seconds; -1: not given
  bool version_pin = false;
  uint32_t uid = geteuid();
  uint32_t gid = getegid();
  std::string file_mode = "0444";
  std::string dir_mode = "0555";
  bool allow_other = geteuid() == 0;
  bool no_passthrough = false;
  uint64_t read_ahead = 0;  // bytes; 0: not given
  bool foreground = false;
};

Result<uint32_t> ParseMode(const std::string& text) {
  uint32_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || mode > 0777)
      mode = 01000;
    else
      mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  }
  if (text.empty() || mode > 0777)
    return Error{Code::kInvalid, "\"" + text + "\" is no mode: use octal digits, as in 0444"};
  return mode;
}

Result<datanode::MountSpec> MountSpecOf(const MountFlags& flags, const SourceFlags& source) {
  auto spec = SpecOf(flags.source, source);
  if (!spec) return spec.error();
  const auto file_mode = ParseMode(flags.file_mode);
  if (!file_mode) return file_mode.error();
  const auto dir_mode = ParseMode(flags.dir_mode);
  if (!dir_mode) return dir_mode.error();
  const auto mountpoint = RealPath(flags.mountpoint);
  if (!mountpoint) return mountpoint.error().Within("mountpoint");
  if (flags.version_pin && flags.ttl >= 0)
    return Error{Code::kInvalid,
                 "--version-pin and --ttl contradict each other: the first never looks for "
                 "changes, the second does"};
  spec->mountpoint = *mountpoint;
  if (flags.ttl >= 0) spec->ttl = std::chrono::seconds(flags.ttl);
  spec->version_pin = flags.version_pin;
  spec->uid = flags.uid;
  spec->gid = flags.gid;
  spec->file_mode = *file_mode;
  spec->dir_mode = *dir_mode;
  spec->allow_other = flags.allow_other;
  spec->passthrough = !flags.no_passthrough;
  return spec;
}

std::string WhyNoPassthrough(const MountFlags& flags) {
  if (flags.no_passthrough) return "--no-passthrough";
  if (geteuid() != 0) return "only root may";
  return "it needs Linux 6.9 and CAP_SYS_ADMIN";
}

void TellMounted(const MountFlags& flags, const std::string& mountpoint, const json::Value& done) {
  const bool passthrough = done["stats"]["passthrough"].AsInt() != 0;
  std::string line =
      fmt::format("mounted {} on {}: {} objects, {}; passthrough {}", flags.source, mountpoint,
                  done["objects"].AsInt(), HumanBytes(static_cast<uint64_t>(done["bytes"].AsInt())),
                  passthrough ? "on" : "off (" + WhyNoPassthrough(flags) + ")");
  if (const int64_t skipped = done["skipped"].AsInt(); skipped > 0) {
    line += fmt::format("; {} keys cannot be paths and are left out (leat data ls --skipped {})",
                        skipped, mountpoint);
  }
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

bool IsMounted(const std::string& mountpoint) {
  const auto mounts = fuse::LeatMounts();
  return std::find(mounts.begin(), mounts.end(), mountpoint) != mounts.end();
}

// Returns when the mount is gone, or a signal asks for its end: then unmounts it.
Status StayInForeground(const std::string& mountpoint) {
  const auto table = io::Open("/proc/self/mountinfo", O_RDONLY);
  if (!table) return table.error();
  std::stop_source stop;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  std::thread([signals, stop]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    stop.request_stop();
  }).detach();  // it holds nothing, and may wait until the process ends
  while (IsMounted(mountpoint)) {
    if (stop.stop_requested()) return fuse::Unmount(mountpoint, true);
    // The kernel tells of every change of the table as an exceptional condition.
    pollfd changed{table->get(), POLLPRI, 0};
    (void)io::Poll({&changed, 1}, std::nullopt, stop.get_token());
  }
  return {};
}

// Before anything is made or started for it.
Status CheckPlaces(const datanode::MountSpec& spec, const CacheFlags& cache) {
  auto directories = CacheDirectories(cache);
  if (!directories) return directories.error();
  for (std::string& directory : *directories) directory = CachePath(directory);
  return datanode::CheckPlaces(spec, *directories);
}

int Mount(const MountFlags& flags, const SourceFlags& source, const CacheFlags& cache) {
  if (flags.foreground) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts
  }
  const auto spec = MountSpecOf(flags, source);
  if (!spec) return Fail(spec.error());
  if (const auto apart = CheckPlaces(*spec, cache); !apart) return Fail(apart.error());
  const auto options = OptionsOf(cache);
  if (!options) return Fail(options.error());
  if (fuse::StateOf(spec->mountpoint) == fuse::MountState::kDead) {
    if (auto cleared = fuse::Unmount(spec->mountpoint, true); !cleared)
      return Fail(cleared.error().Within("clear the dead mount"));
    std::fprintf(stderr, "leat: cleared a dead mount on %s\n", spec->mountpoint.c_str());
  }
  ListingLine line("listing " + flags.source);
  const auto done = AskStarted(
      cache, json::Object({{"op", "mount"}, {"spec", spec->ToJson()}, {"options", *options}}),
      [&](const json::Value& progress) { line.Show(progress); }, {});
  line.Finish();
  if (!done) return Fail(done.error());
  if (flags.read_ahead != 0) {
    auto set = fuse::SetReadAhead(spec->mountpoint, static_cast<int>(flags.read_ahead >> 10));
    if (!set)
      std::fprintf(stderr, "leat: the read-ahead stays as it was: %s\n",
                   set.error().message.c_str());
  }
  TellMounted(flags, spec->mountpoint, *done);
  for (const json::Value& warning : (*done)["warnings"].Items())
    std::fprintf(stderr, "leat: warning: %s\n", datanode::BytesFromJson(warning).c_str());
  if (!flags.foreground) return 0;
  const Status stayed = StayInForeground(spec->mountpoint);
  return stayed ? 0 : Fail(stayed.error());
}

struct UnmountFlags {
  std::string mountpoint;
  bool all = false;
  bool lazy = false;
  bool force = false;
};

Error InUse(const std::string& mountpoint) {
  std::string by;
  for (const std::string& holder : HoldersOf(mountpoint))
    by += (by.empty() ? " by " : ", ") + holder;
  return {Code::kConflict, mountpoint + ": is in use" + by +
                               "; close what is open in it, or take its name away with `leat "
                               "umount --lazy " +
                               mountpoint + "`"};
}

Status UnmountOne(const std::string& given, const UnmountFlags& flags) {
  const auto mountpoint = RealPath(given);
  if (!mountpoint) return mountpoint.error();
  if (!IsMounted(*mountpoint))
    return Error{Code::kNotFound, *mountpoint + ": no mount of Leat is there"};
  if (flags.force || fuse::StateOf(*mountpoint) == fuse::MountState::kDead)
    return fuse::Unmount(*mountpoint, true);
  const auto found = FindInMount(*mountpoint);
  if (!found || found->control.empty()) return fuse::Unmount(*mountpoint, flags.lazy);
  const auto done = Ask(found->control,
                        json::Object({{"op", "umount"},
                                      {"mountpoint", datanode::BytesToJson(*mountpoint)},
                                      {"lazy", flags.lazy}}),
                        {}, {});
  if (done) return {};
  if (done.error().code == Code::kConflict) return InUse(*mountpoint);
  // Whatever became of the data node: the name must go.
  const Code code = done.error().code;
  if (code == Code::kUnavailable || code == Code::kNotFound || code == Code::kForbidden)
    return fuse::Unmount(*mountpoint, flags.lazy);
  return done.error();
}

int Unmount(const UnmountFlags& flags) {
  if (!flags.all) {
    const Status done = UnmountOne(flags.mountpoint, flags);
    return done ? 0 : Fail(done.error());
  }
  int status = 0;
  auto mounts = fuse::LeatMounts();
  std::reverse(mounts.begin(), mounts.end());  // the last mounted first: they may be nested
  for (const std::string& mountpoint : mounts)
    if (const Status done = UnmountOne(mountpoint, flags); !done) status = Fail(done.error());
  return status;
}

}  // namespace

void AddMount(CLI::App& app, Run& run) {
  const auto flags = std::make_shared<MountFlags>();
  const auto source = std::make_shared<SourceFlags>();
  const auto cache = std::make_shared<CacheFlags>();
  CLI::App* mount = app.add_subcommand("mount", "Show object storage as a directory");
  mount
      ->add_option("SOURCE", flags->source,
                   "s3://BUCKET/PREFIX, gs://, oss://, file:///DIR or http(s)://HOST/TREE/")
      ->required();
  mount->add_option("MOUNTPOINT", flags->mountpoint, "An existing directory")->required();
  AddSourceFlags(*mount, source);
  AddCacheFlags(*mount, cache);
  mount->add_option("--ttl", flags->ttl, "Look for changes when the listing is older, e.g. 60s")
      ->transform(AsSeconds());
  mount->add_flag("--version-pin", flags->version_pin,
                  "Show the same version for ever, also at the next mount");
  mount->add_option("--uid", flags->uid, "Owner of the files");
  mount->add_option("--gid", flags->gid, "Group of the files");
  mount->add_option("--file-mode", flags->file_mode, "Mode of the files")->capture_default_str();
  mount->add_option("--dir-mode", flags->dir_mode, "Mode of the directories")
      ->capture_default_str();
  mount->add_flag("--allow-other,!--no-allow-other", flags->allow_other,
                  "Other users may look, too (as root: yes)");
  mount->add_flag("--no-passthrough", flags->no_passthrough,
                  "Never let the kernel read cached files itself");
  mount->add_option("--read-ahead", flags->read_ahead, "The kernel's read-ahead, e.g. 4M")
      ->transform(CLI::AsSizeValue(false));
  mount->add_flag("--foreground", flags->foreground,
                  "Stay until it is unmounted; Ctrl-C unmounts it");
  mount->footer(
      "The mount is served by a process pair of its cache directory, which outlives this command\n"
      "and ends after the last unmount. `leat data` looks into it.");
  mount->callback([=, &run] { run = [=] { return Mount(*flags, *source, *cache); }; });
}

void AddUnmount(CLI::App& app, Run& run) {
  const auto flags = std::make_shared<UnmountFlags>();
  CLI::App* unmount = app.add_subcommand("umount", "Unmount what `leat mount` mounted");
  auto* mountpoint = unmount->add_option("MOUNTPOINT", flags->mountpoint, "Where it is mounted");
  auto* all = unmount->add_flag("--all", flags->all, "All mounts of Leat on this machine");
  mountpoint->excludes(all);
  unmount->add_flag("-l,--lazy", flags->lazy,
                    "Take the name away now; files that are open work until they are closed");
  unmount->add_flag("-f,--force", flags->force,
                    "The same without asking the mount's processes, which may hang");
  unmount->callback([flags, &run] {
    if (!flags->all && flags->mountpoint.empty()) throw CLI::RequiredError("MOUNTPOINT or --all");
    run = [flags] { return Unmount(*flags); };
  });
}

}  // namespace leat::cli
