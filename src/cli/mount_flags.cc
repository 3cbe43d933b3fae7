#include "cli/mount_flags.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/command_line.h"
#include "cli/patience.h"
#include "fuse/mount.h"
#include "io/file.h"

namespace leat::cli {
namespace {

// What the credential chains look at; nothing else of our environment is anybody's business.
bool IsForStores(std::string_view name) {
  for (const std::string_view prefix : {"AWS_", "GOOGLE_", "OSS_", "CLOUDSDK_"})
    if (name.starts_with(prefix)) return true;
  return name == "HOME" || name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR";
}

std::vector<std::pair<std::string, std::string>> EnvironmentForStores() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** each = environ; *each; ++each) {
    const std::string_view line = *each;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || !IsForStores(line.substr(0, equals))) continue;
    variables.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return variables;
}

}  // namespace

std::string ControlOf(const std::string& mountpoint) {
  const Patience patience = Patience::ForPath(mountpoint);
  std::array<char, PATH_MAX> value;
  const ssize_t size =
      lgetxattr(mountpoint.c_str(), "user.leat.control", value.data(), value.size());
  return size > 0 ? std::string(value.data(), static_cast<size_t>(size)) : std::string();
}

void AddSourceFlags(CLI::App& app, const std::shared_ptr<SourceFlags>& flags) {
  app.add_option("--endpoint", flags->endpoint,
                 "URL of the store for s3://, gs:// and oss:// (from the environment, else the "
                 "provider's own)");
  app.add_flag("--virtual-host", flags->virtual_host,
               "The bucket is part of the store's host name");
  app.add_flag("--anonymous", flags->anonymous, "Send unsigned requests, for public data");
  app.add_option("--retry-for", flags->retry_for,
                 "How long a store that does not answer is tried, e.g. 60s")
      ->transform(AsSeconds())
      ->capture_default_str();
}

bool IsSource(const std::string& text) { return text.find("://") != std::string::npos; }

Result<datanode::MountSpec> SpecOf(const std::string& source, const SourceFlags& flags) {
  if (!IsSource(source))
    return Error{Code::kInvalid, "\"" + source +
                                     "\" is no source: use s3://BUCKET/PREFIX, gs://, oss://, "
                                     "file:///DIR or https://HOST/TREE/"};
  if (source.starts_with("file://") && !source.starts_with("file:///"))
    return Error{Code::kInvalid, "\"" + source +
                                     "\": a file source needs a full path, as in "
                                     "file:///data"};
  datanode::MountSpec spec;
  spec.source = source;
  spec.store.endpoint = flags.endpoint;
  spec.store.virtual_host = flags.virtual_host;
  spec.store.anonymous = flags.anonymous;
  spec.store.retry_for = std::chrono::seconds(flags.retry_for);
  spec.environment = EnvironmentForStores();
  return spec;
}

Result<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real) return std::string(real.get());
  if (errno != ENOTCONN && errno != EACCES) return io::ErrnoError(errno, path);
  // A dead mount, or one that only its owner may look at.
  const int error = errno;
  std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  const std::unique_ptr<char, decltype(&std::free)> parent(
      realpath(whole.parent_path().c_str(), nullptr), &std::free);
  if (!parent) return io::ErrnoError(error, path);
  return std::filesystem::path(parent.get()) / whole.filename();
}

Result<PathInMount> FindInMount(const std::string& path) {
  const auto real = [&] {
    const Patience patience = Patience::ForPath(path);
    return RealPath(path);
  }();
  if (!real) return real.error();
  PathInMount found;
  for (const std::string& mountpoint : fuse::LeatMounts()) {
    const bool inside =
        *real == mountpoint || real->starts_with(mountpoint == "/" ? "/" : mountpoint + "/");
    if (inside && mountpoint.size() > found.mountpoint.size()) found.mountpoint = mountpoint;
  }
  if (found.mountpoint.empty())
    return Error{Code::kNotFound,
                 path +
                     " lies in no mount of Leat: give a path in one, or a source such as "
                     "s3://BUCKET/PREFIX (`leat data df` and /proc/mounts show what there is)"};
  if (real->size() > found.mountpoint.size())
    found.path = real->substr(found.mountpoint.size() + (found.mountpoint == "/" ? 0 : 1));
  found.control = ControlOf(found.mountpoint);
  if (found.control.empty() && fuse::StateOf(found.mountpoint) == fuse::MountState::kDead)
    return Error{Code::kUnavailable, "the mount on " + found.mountpoint +
                                         " is dead: its processes were killed. `leat umount` "
                                         "clears it, and `leat mount` mounts it anew"};
  return found;
}

}  // namespace leat::cli
