#include "node/oci_config.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace leat::node {
namespace {

using json::Array;
using json::Object;

// Without NET_RAW, which containers elsewhere have: these share the host's network, where it would
// let them read what all others send over it.
constexpr const char* kDefaultCapabilities[] = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
constexpr const char* kAllCapabilities[] = {"AUDIT_CONTROL",   "AUDIT_READ",   "AUDIT_WRITE",
                                            "BLOCK_SUSPEND",   "BPF",          "CHECKPOINT_RESTORE",
                                            "CHOWN",           "DAC_OVERRIDE", "DAC_READ_SEARCH",
                                            "FOWNER",          "FSETID",       "IPC_LOCK",
                                            "IPC_OWNER",       "KILL",         "LEASE",
                                            "LINUX_IMMUTABLE", "MAC_ADMIN",    "MAC_OVERRIDE",
                                            "MKNOD",           "NET_ADMIN",    "NET_BIND_SERVICE",
                                            "NET_BROADCAST",   "NET_RAW",      "PERFMON",
                                            "SETFCAP",         "SETGID",       "SETPCAP",
                                            "SETUID",          "SYS_ADMIN",    "SYS_BOOT",
                                            "SYS_CHROOT",      "SYS_MODULE",   "SYS_NICE",
                                            "SYS_PACCT",       "SYS_PTRACE",   "SYS_RAWIO",
                                            "SYS_RESOURCE",    "SYS_TIME",     "SYS_TTY_CONFIG",
                                            "SYSLOG",          "WAKE_ALARM"};

json::Value MountEntry(const char* type, const char* source, const char* destination,
                       std::initializer_list<json::Value> options) {
  return Object({{"type", type},
                 {"source", source},
                 {"destination", destination},
                 {"options", Array(options)}});
}

json::Value KernelMounts(bool privileged) {
  const char* access = privileged ? "rw" : "ro";
  return Array({
      MountEntry("proc", "proc", "/proc", {"nosuid", "noexec", "nodev"}),
      MountEntry("tmpfs", "tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      MountEntry("devpts", "devpts", "/dev/pts",
                 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      MountEntry("mqueue", "mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"}),
      MountEntry("sysfs", "sysfs", "/sys", {"nosuid", "noexec", "nodev", access}),
      MountEntry("cgroup", "cgroup", "/sys/fs/cgroup",
                 {"nosuid", "noexec", "nodev", "relatime", access}),
  });
}

// Whether the kernel (5.12 and later) can make a mount read-only with all that is mounted in it.
bool HasRecursiveReadOnly() {
  static const bool kHas =
      syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) != 0 && errno != ENOSYS;
  return kHas;
}

void AddBind(json::Value& mounts, const std::string& from, const std::string& to,
             std::initializer_list<json::Value> options) {
  mounts.Push(Object(
      {{"type", "bind"}, {"source", from}, {"destination", to}, {"options", Array(options)}}));
}

// What the host mounts later does not appear inside, and nothing from inside outside (rprivate).
void AddVolume(json::Value& mounts, const Mount& mount) {
  if (mount.read_only)
    AddBind(mounts, mount.host_path, mount.container_path,
            {"rbind", "rprivate", HasRecursiveReadOnly() ? "rro" : "ro", "nosuid", "nodev"});
  else
    AddBind(mounts, mount.host_path, mount.container_path, {"rbind", "rprivate", "rw"});
}

json::Value Capabilities(const ContainerConfig& container) {
  std::set<std::string> names;
  const auto has = [](const std::vector<std::string>& list, const char* name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  if (container.privileged || has(container.add_capabilities, "ALL"))
    names.insert(std::begin(kAllCapabilities), std::end(kAllCapabilities));
  else if (!has(container.drop_capabilities, "ALL"))
    names.insert(std::begin(kDefaultCapabilities), std::end(kDefaultCapabilities));
  for (const std::string& name : container.drop_capabilities) names.erase(name);
  for (const std::string& name : container.add_capabilities)
    if (name != "ALL") names.insert(name);
  if (!container.privileged) names.erase("NET_RAW");  // also not as one of ALL
  json::Value list = Array();
  for (const std::string& name : names) list.Push("CAP_" + name);
  // A process that is not root keeps none across execve, as with Kubernetes.
  const json::Value effective = container.user == 0 ? list : Array();
  return Object({{"bounding", list}, {"effective", effective}, {"permitted", effective}});
}

json::Value Process(const ContainerConfig& container) {
  json::Value args = Array(), env = Array(), groups = Array();
  for (const std::string& arg : container.argv) args.Push(arg);
  for (const auto& [name, value] : container.env) env.Push(name + "=" + value);
  for (const int64_t group : container.groups) groups.Push(group);
  return Object({
      {"terminal", false},
      {"args", args},
      {"env", env},
      {"cwd", container.working_dir.empty() ? "/" : container.working_dir},
      {"user",
       Object({{"uid", container.user}, {"gid", container.group}, {"additionalGids", groups}})},
      {"capabilities", Capabilities(container)},
      {"noNewPrivileges", container.no_new_privileges && !container.privileged},
      {"oomScoreAdj", 500},  // a job goes before the control plane does
  });
}

json::Value Resources(const ContainerConfig& container) {
  constexpr int64_t kPeriodMicros = 100'000;
  json::Value cpu = Object();
  if (container.cpu_shares_milli > 0)
    cpu.Set("shares", std::max<int64_t>(2, container.cpu_shares_milli * 1024 / 1000));
  if (container.cpu_milli > 0)
    cpu.Set("period", kPeriodMicros)
        .Set("quota", std::max<int64_t>(1000, container.cpu_milli * kPeriodMicros / 1000));
  json::Value resources = Object({{"cpu", cpu}});
  if (container.memory_bytes > 0)
    resources.Set("memory", Object({{"limit", container.memory_bytes}}));
  if (container.pids > 0) resources.Set("pids", Object({{"limit", container.pids}}));
  const json::Value device = container.privileged ? Object({{"allow", true}, {"access", "rwm"}})
                                                  : Object({{"allow", false}, {"access", "rwm"}});
  resources.Set("devices", Array({device}));
  return resources;
}

json::Value Namespaces(const OciParts& parts) {
  json::Value namespaces = Array(
      {Object({{"type", "mount"}}), Object({{"type", "uts"}, {"path", parts.uts_namespace}})});
  if (!parts.sandbox.host_ipc)
    namespaces.Push(Object({{"type", "ipc"}, {"path", parts.ipc_namespace}}));
  if (!parts.pid_namespace.empty())
    namespaces.Push(Object({{"type", "pid"}, {"path", parts.pid_namespace}}));
  else if (!parts.sandbox.host_pid)
    namespaces.Push(Object({{"type", "pid"}}));
  return namespaces;
}

}  // namespace

json::Value OciConfig(const OciParts& parts) {
  const ContainerConfig& container = parts.container;
  json::Value mounts = KernelMounts(container.privileged);
  mounts.Push(MountEntry("bind", parts.sandbox.host_ipc ? "/dev/shm" : parts.shm.c_str(),
                         "/dev/shm", {"bind", "rprivate", "nosuid", "noexec", "nodev"}));
  // Alone, without what is mounted beneath, which "ro" would leave writable.
  for (const Mount& mount : parts.image_mounts)
    AddBind(mounts, mount.host_path, mount.container_path,
            {"bind", "rprivate", "ro", "nosuid", "nodev"});
  if (!parts.sandbox.hosts_file.empty())
    AddVolume(mounts, {.host_path = parts.sandbox.hosts_file, .container_path = "/etc/hosts"});
  // Parents before children, so that no volume hides another.
  std::vector<Mount> volumes = container.mounts;
  std::stable_sort(volumes.begin(), volumes.end(), [](const Mount& a, const Mount& b) {
    return std::count(a.container_path.begin(), a.container_path.end(), '/') <
           std::count(b.container_path.begin(), b.container_path.end(), '/');
  });
  for (const Mount& mount : volumes) AddVolume(mounts, mount);

  json::Value linux = Object({{"namespaces", Namespaces(parts)},
                              {"cgroupsPath", parts.cgroups_path},
                              {"resources", Resources(container)}});
  if (!container.privileged) {
    linux
        .Set("maskedPaths", Array({"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                                   "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                   "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
                                   "/sys/devices/virtual/powercap"}))
        .Set("readonlyPaths",
             Array({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}));
    if (!container.unconfined_seccomp) linux.Set("seccomp", DefaultSeccomp());
  }
  return Object({
      {"ociVersion", "1.0.2"},
      {"hostname", parts.sandbox.hostname},
      {"root", Object({{"path", parts.root}, {"readonly", container.read_only_root}})},
      {"process", Process(container)},
      {"mounts", mounts},
      {"linux", linux},
  });
}

}  // namespace leat::node
